// The choices that are made once, when a cluster is made: how much it insists
// on TPMs and on encryption. The words are those of the original.
import {
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  ClusterConfiguration_TPMMode as TpmMode,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { UsageError } from "../output/user-error.ts";

const tpmModes: Readonly<Record<string, TpmMode>> = {
  required: TpmMode.TPM_MODE_REQUIRED,
  require: TpmMode.TPM_MODE_REQUIRED,
  "best-effort": TpmMode.TPM_MODE_BEST_EFFORT,
  besteffort: TpmMode.TPM_MODE_BEST_EFFORT,
  disabled: TpmMode.TPM_MODE_DISABLED,
  disable: TpmMode.TPM_MODE_DISABLED,
};

const policies: Readonly<Record<string, Policy>> = {
  permissive: Policy.PERMISSIVE,
  "needs-encryption": Policy.NEEDS_ENCRYPTION,
  "needs-encryption-and-authentication": Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION,
  "needs-insecure": Policy.NEEDS_INSECURE,
};

/** Flags of `install` for the first node of a cluster. */
export const bootstrapArgs = {
  bootstrap: { type: "boolean", description: "For the first node of a new cluster" },
  restore: {
    type: "boolean",
    description: "With --bootstrap: wait for metroctl cluster restore instead of a new cluster",
  },
  "bootstrap-tpm-mode": {
    type: "string",
    default: "required",
    description: "required, best-effort or disabled",
    valueHint: "mode",
  },
  "bootstrap-storage-security": {
    type: "string",
    default: "needs-encryption-and-authentication",
    description: Object.keys(policies).join(", "),
    valueHint: "policy",
  },
  cluster: {
    type: "string",
    default: "cluster.internal",
    description: "Domain of the new cluster",
    valueHint: "domain",
  },
} as const;

/** What {@link bootstrapArgs} parse to, as far as they choose a configuration. */
export interface Chosen {
  readonly "bootstrap-tpm-mode": string;
  readonly "bootstrap-storage-security": string;
  readonly cluster: string;
}

/** The configuration of a new cluster. Throws a {@link UsageError} for a word that means nothing. */
export function clusterConfiguration(args: Chosen) {
  return {
    tpmMode: choose(tpmModes, "--bootstrap-tpm-mode", args["bootstrap-tpm-mode"]),
    storageSecurityPolicy: choose(
      policies,
      "--bootstrap-storage-security",
      args["bootstrap-storage-security"],
    ),
    clusterDomain: checkDomain(args.cluster),
    kubernetes: {},
  };
}

function choose<T>(words: Readonly<Record<string, T>>, flag: string, word: string): T {
  const value = words[word];
  if (value === undefined)
    throw new UsageError(`${flag}=${word}: there are ${Object.keys(words).join(", ")}`);
  return value;
}

/** The rules of the original: RFC 1123 labels, 80 characters, not readable as an IPv4 address. */
function checkDomain(domain: string): string {
  const labels = domain.split(".");
  const isLabel = (label: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label);
  const isNumber = /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "");
  if (domain.length <= 80 && labels.every(isLabel) && !isNumber) return domain;
  throw new UsageError(
    `--cluster=${domain}: want up to 80 characters of lower-case DNS labels, the last not a number`,
  );
}
