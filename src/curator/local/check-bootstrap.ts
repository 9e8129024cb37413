// What a request to make a cluster must hold.
import { nodeId } from "../../base/pki/node-id.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { BootstrapRequest } from "../../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import { NodeStorageSecurity, NodeTPMUsage } from "../../gen/metropolis/proto/common/common_pb.ts";
import { checkConfiguration, withDefaults } from "../state/configuration.ts";
import { requireKey } from "../state/nodes.ts";
import { acceptsSecurity } from "../state/policy.ts";

const SECRET_BYTES = 32;

/** Throws an RpcError, invalidArgument, for a request that node `self` cannot have meant. */
export function checkBootstrap(request: BootstrapRequest, self: string): void {
  requireKey(request.nodePublicKey, "node_public_key");
  requireKey(request.joinPublicKey, "join_public_key");
  requireKey(request.ownerPublicKey, "owner_public_key");
  if (nodeId(request.nodePublicKey) !== self) {
    throw invalid(`node_public_key is not that of ${self}`);
  }
  if (request.tpmUsage === NodeTPMUsage.NODE_TPM_USAGE_INVALID)
    throw invalid("tpm_usage must be set");
  requireLength(request.ownershipSecret, "ownership_secret", true);
  requireLength(request.recoveryPublicKey, "recovery_public_key", true);
  requireLength(request.sharePublicKey, "share_public_key", false);
  const isInsecure = request.storageSecurity === NodeStorageSecurity.INSECURE;
  requireLength(request.clusterUnlockKey, "cluster_unlock_key", isInsecure);
  checkPolicy(request);
}

function checkPolicy({ initialClusterConfiguration, storageSecurity }: BootstrapRequest): void {
  const configuration = withDefaults(initialClusterConfiguration);
  checkConfiguration(configuration);
  if (acceptsSecurity(configuration.storageSecurityPolicy, storageSecurity)) return;
  throw invalid("storage_security does not fit the configuration");
}

function requireLength(bytes: Uint8Array, field: string, isOptional: boolean): void {
  if (bytes.length === SECRET_BYTES || (isOptional && bytes.length === 0)) return;
  throw invalid(`${field} must be ${SECRET_BYTES} bytes long`);
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.invalidArgument, reason);
}
