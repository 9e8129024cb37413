// The fields of a cluster's configuration that can be changed while it runs, as
// words on a command line.
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ClusterConfiguration,
  type ClusterConfigurationSchema,
  ClusterConfiguration_RecoveryPolicy as RecoveryPolicy,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { UsageError } from "../output/user-error.ts";

/** A part of a configuration. */
export type Part = Exclude<
  MessageInitShape<typeof ClusterConfigurationSchema>,
  ClusterConfiguration
>;

/** A field, its words, and its part of the message. */
export interface ClusterField {
  /** The path in a field mask; also its name on the command line. */
  readonly path: string;
  /** Its value as words. */
  readonly read: (configuration: ClusterConfiguration) => readonly string[];
  /** What words change it to. Throws a {@link UsageError} for words that mean nothing. */
  readonly write: (words: readonly string[]) => Part;
  /** When a change is in effect, where that is not at once. */
  readonly inEffect?: string;
}

const policies: Readonly<Record<string, RecoveryPolicy>> = {
  automatic: RecoveryPolicy.AUTOMATIC,
  operator: RecoveryPolicy.OPERATOR,
};

const fields: readonly ClusterField[] = [
  {
    path: "kubernetes.node_labels_to_synchronize",
    read: ({ kubernetes }) =>
      (kubernetes?.nodeLabelsToSynchronize ?? []).map(({ regexp }) => regexp),
    write: (words) => ({
      kubernetes: { nodeLabelsToSynchronize: words.map((regexp) => ({ regexp: checked(regexp) })) },
    }),
  },
  {
    path: "recovery_policy",
    inEffect: "once all consensus members have stored it, seconds later",
    read: ({ recoveryPolicy }) => [policyWord(recoveryPolicy)],
    write: ([word = "", ...more]) => {
      const policy = policies[word];
      if (policy === undefined || more.length > 0)
        throw new UsageError(`recovery_policy: give one of ${Object.keys(policies).join(", ")}`);
      return { recoveryPolicy: policy };
    },
  },
];

/** The names of all fields, for people. */
export const FIELD_NAMES = fields.map(({ path }) => path).join(", ");

/** The field of that name. Throws a {@link UsageError} where there is none. */
export function clusterField(name: string): ClusterField {
  const field = fields.find(({ path }) => path === name);
  if (field !== undefined) return field;
  throw new UsageError(`no field ${name} that can be configured: there are ${FIELD_NAMES}`);
}

/** The words of a field, quoted and with commas. */
export function fieldText(field: ClusterField, configuration: ClusterConfiguration): string {
  return field
    .read(configuration)
    .map((word) => JSON.stringify(word))
    .join(", ");
}

/** The word for a recovery policy; `automatic` is the default. */
export function policyWord(policy: RecoveryPolicy): string {
  return policy === RecoveryPolicy.OPERATOR ? "operator" : "automatic";
}

/** Nodes use expressions of the same kind; one that cannot be read is refused here already. */
function checked(expression: string): string {
  try {
    new RegExp(expression, "u");
    return expression;
  } catch (cause) {
    throw new UsageError(`${expression} is no regular expression`, { cause });
  }
}
