// The configuration of the cluster: its defaults, and what no cluster can have.
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Write } from "../../base/etcd/etcd.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  type ClusterConfiguration,
  ClusterConfigurationSchema,
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  ClusterConfiguration_RecoveryPolicy as RecoveryPolicy,
  ClusterConfiguration_TPMMode as TpmMode,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { isDomain, LONGEST_CLUSTER_DOMAIN } from "./domain.ts";
import { keys } from "./keys.ts";
import type { LeaderStore } from "./leader-store.ts";

/** Reads the configuration. */
export async function loadConfiguration(store: LeaderStore): Promise<ClusterConfiguration> {
  const item = await store.get(keys.configuration);
  // Absent only in clusters that are older than the configuration.
  if (item === undefined) return withDefaults(undefined);
  return withDefaults(fromBinary(ClusterConfigurationSchema, item.value));
}

/** The write that saves a configuration. */
export function configurationWrite(configuration: ClusterConfiguration): Write {
  return {
    put: keys.configuration,
    value: toBinary(ClusterConfigurationSchema, configuration),
  };
}

/** A configuration in which nothing is unset. */
export function withDefaults(given: ClusterConfiguration | undefined): ClusterConfiguration {
  const full = clone(ClusterConfigurationSchema, given ?? create(ClusterConfigurationSchema));
  full.clusterDomain ||= "cluster.internal";
  full.tpmMode ||= TpmMode.TPM_MODE_REQUIRED;
  full.recoveryPolicy ||= RecoveryPolicy.AUTOMATIC;
  full.storageSecurityPolicy ||= Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION;
  return full;
}

/** Throws an RpcError, invalidArgument, for what no cluster can be made with. */
export function checkConfiguration(configuration: ClusterConfiguration): void {
  const { clusterDomain, tpmMode, storageSecurityPolicy, recoveryPolicy } = configuration;
  if (!isDomain(clusterDomain, LONGEST_CLUSTER_DOMAIN)) {
    throw new RpcError(Code.invalidArgument, "cluster_domain is not a valid domain");
  }
  if (TpmMode[tpmMode] === undefined) {
    throw new RpcError(Code.invalidArgument, "tpm_mode is unknown");
  }
  if (RecoveryPolicy[recoveryPolicy] === undefined) {
    throw new RpcError(Code.invalidArgument, "recovery_policy is unknown");
  }
  if (Policy[storageSecurityPolicy] === undefined) {
    throw new RpcError(Code.invalidArgument, "storage_security_policy is unknown");
  }
}
