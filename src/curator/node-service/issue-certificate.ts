// Curator.IssueCertificate: gives nodes the certificates that their roles need.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { callingNode } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";
import { findNode, requireKey } from "../state/nodes.ts";

/** Checks who asks for what. There is no Kubernetes to issue certificates of yet. */
export function issueCertificate(leader: Leader): Handler<typeof Curator.method.issueCertificate> {
  return async ({ kind }, call) => {
    const { node } = findNode(leader, callingNode(call).id);
    if (kind.case === undefined) throw new RpcError(Code.invalidArgument, "kind must be set");
    if (node.roles?.kubernetesWorker === undefined) {
      throw new RpcError(Code.permissionDenied, "node is not a Kubernetes worker");
    }
    requireKey(kind.value.kubeletPubkey, "kubelet_pubkey");
    requireKey(kind.value.csiProvisionerPubkey, "csi_provisioner_pubkey");
    requireKey(kind.value.netservicesPubkey, "netservices_pubkey");
    throw new RpcError(Code.unimplemented, "the cluster runs no Kubernetes yet");
  };
}
