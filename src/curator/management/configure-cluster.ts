// Management.ConfigureCluster: changes fields of the cluster's configuration,
// by a three-way comparison of what the caller saw, wants, and what there is.
import { clone, create, equals } from "@bufbuild/protobuf";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  ConfigureClusterRequest,
  Management,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  type ClusterConfiguration,
  ClusterConfigurationSchema,
  ClusterConfiguration_KubernetesSchema as KubernetesSchema,
  ClusterConfiguration_RecoveryPolicy as RecoveryPolicy,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { reconcileEpochs } from "../recovery/reconcile-recovery.ts";
import { configurationWrite, loadConfiguration } from "../state/configuration.ts";
import type { Leader } from "../state/leader.ts";

/** A field that can be changed in a running cluster. */
interface Field {
  /** Throws an RpcError for a configuration in which the field cannot be meant; `name` is its own. */
  readonly check: (configuration: ClusterConfiguration, name: string) => void;
  readonly isSame: (a: ClusterConfiguration, b: ClusterConfiguration) => boolean;
  readonly copy: (from: ClusterConfiguration, to: ClusterConfiguration) => void;
}

const fields: Readonly<Record<string, Field>> = {
  "kubernetes.node_labels_to_synchronize": {
    check: ({ kubernetes }, name) => {
      if (kubernetes === undefined) throw invalid(`${name}.kubernetes must be set`);
    },
    isSame: (a, b) => equals(KubernetesSchema, labelsOf(a), labelsOf(b)),
    copy: (from, to) => {
      to.kubernetes ??= create(KubernetesSchema);
      to.kubernetes.nodeLabelsToSynchronize = labelsOf(from).nodeLabelsToSynchronize;
    },
  },
  recovery_policy: {
    check: ({ recoveryPolicy }, name) => {
      const isKnown = RecoveryPolicy[recoveryPolicy] !== undefined;
      if (recoveryPolicy === RecoveryPolicy.INVALID || !isKnown)
        throw invalid(`${name}.recovery_policy must be set`);
    },
    isSame: (a, b) => a.recoveryPolicy === b.recoveryPolicy,
    copy: (from, to) => {
      to.recoveryPolicy = from.recoveryPolicy;
    },
  },
};

/** Changes the fields of the mask. */
export function configureCluster(
  leader: Leader,
): Handler<typeof Management.method.configureCluster> {
  const { store, configurationLock } = leader;
  return async (request) => {
    const { wanted, base, changed } = checked(request);
    const resultingConfig = await configurationLock.hold(async () => {
      const current = await loadConfiguration(store);
      if (changed.length === 0) return current;
      const other = changed.find(([, { isSame }]) => base !== undefined && !isSame(base, current));
      if (other !== undefined) {
        throw new RpcError(Code.failedPrecondition, `${other[0]} was changed meanwhile`);
      }
      const next = clone(ClusterConfigurationSchema, current);
      for (const [, { copy }] of changed) copy(wanted, next);
      await requireOperatorKey(leader, current, next);
      await store.commit([configurationWrite(next)]);
      return next;
    });
    // Now rather than when it is next looked at; if that fails it is looked at then.
    if (changed.some(([path]) => path === "recovery_policy")) {
      await reconcileEpochs(leader).catch(() => {});
    }
    return { resultingConfig };
  };
}

interface Checked {
  readonly wanted: ClusterConfiguration;
  readonly base: ClusterConfiguration | undefined;
  readonly changed: readonly (readonly [string, Field])[];
}

function checked({ newConfig, baseConfig, updateMask }: ConfigureClusterRequest): Checked {
  if (newConfig === undefined) throw invalid("new_config must be set");
  if (updateMask === undefined) throw invalid("update_mask must be set");
  const changed = updateMask.paths.map((path) => {
    const field = Object.hasOwn(fields, path) ? fields[path] : undefined;
    if (field === undefined) throw invalid(`field ${JSON.stringify(path)} cannot be changed`);
    field.check(newConfig, "new_config");
    if (baseConfig !== undefined) field.check(baseConfig, "base_config");
    return [path, field] as const;
  });
  return { wanted: newConfig, base: baseConfig, changed };
}

/** A cluster that waits for a key that nobody has would wait for ever. */
async function requireOperatorKey(
  leader: Leader,
  { recoveryPolicy: before }: ClusterConfiguration,
  { recoveryPolicy }: ClusterConfiguration,
): Promise<void> {
  if (recoveryPolicy !== RecoveryPolicy.OPERATOR || recoveryPolicy === before) return;
  const { operatorPublicKey } = await leader.recovery.current();
  if (operatorPublicKey.length > 0) return;
  throw new RpcError(
    Code.failedPrecondition,
    "the cluster was made without a recovery key of the operator",
  );
}

/** Only the field in question, so that others do not count in a comparison. */
function labelsOf({ kubernetes }: ClusterConfiguration) {
  const nodeLabelsToSynchronize = kubernetes?.nodeLabelsToSynchronize ?? [];
  return create(KubernetesSchema, { nodeLabelsToSynchronize });
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.invalidArgument, reason);
}
