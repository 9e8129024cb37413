// Which services a member serves: the leader all of them, others only those
// that lead to the leader. Every RPC has its file; here they come together.
import type { Store } from "../base/etcd/etcd.ts";
import type { Value } from "../base/event/event.ts";
import { allAddresses } from "../base/format/reached.ts";
import { memberOf, type Service, service } from "../base/rpc/rpc.ts";
import { Curator, CuratorLocal } from "../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { AAA } from "../gen/metropolis/proto/api/aaa_pb.ts";
import { Management } from "../gen/metropolis/proto/api/management_pb.ts";
import { escrow } from "./aaa/escrow.ts";
import { getCaCertificate } from "./local/get-ca-certificate.ts";
import { getConsensusMembers } from "./local/get-consensus-members.ts";
import { getCurrentLeader, type LeaderAddress } from "./local/get-current-leader.ts";
import { approveNode } from "./management/approve-node.ts";
import { backup } from "./management/backup.ts";
import { configureCluster } from "./management/configure-cluster.ts";
import { decommissionNode } from "./management/decommission-node.ts";
import { deleteNode } from "./management/delete-node.ts";
import { getClusterInfo } from "./management/get-cluster-info.ts";
import { getNodes } from "./management/get-nodes.ts";
import { getRegisterTicket } from "./management/get-register-ticket.ts";
import { rotateOwner } from "./management/rotate-owner.ts";
import { rotateRegisterTicket } from "./management/rotate-register-ticket.ts";
import { updateNodeLabels } from "./management/update-node-labels.ts";
import { updateNodeRoles } from "./management/update-node-roles.ts";
import { commitNode } from "./node-service/commit-node.ts";
import { followConsensus } from "./node-service/follow-consensus.ts";
import { followRecovery } from "./node-service/follow-recovery.ts";
import { followUnlockKey } from "./node-service/follow-unlock-key.ts";
import { getConsensusStatus } from "./node-service/get-consensus-status.ts";
import { heartbeat } from "./node-service/heartbeat.ts";
import { issueCertificate } from "./node-service/issue-certificate.ts";
import { joinConsensus } from "./node-service/join-consensus.ts";
import { joinNode } from "./node-service/join-node.ts";
import { recertifyNode } from "./node-service/recertify-node.ts";
import { registerNode } from "./node-service/register-node.ts";
import { renewCertificate } from "./node-service/renew-certificate.ts";
import { updateClusterNetworking } from "./node-service/update-cluster-networking.ts";
import { updateNodeStatus } from "./node-service/update-node-status.ts";
import { watch } from "./node-service/watch.ts";
import type { Consensus } from "./state/consensus.ts";
import type { DatabaseQuota } from "./state/database-quota.ts";
import { memberDirectory } from "./state/directory.ts";
import type { Leader } from "./state/leader.ts";
import type { NodeCache } from "./state/node-cache.ts";

/** What a member can serve without being the leader. */
export interface LocalParts {
  readonly self: string;
  readonly store: Pick<Store, "get">;
  readonly nodes: NodeCache;
  readonly consensus: Pick<Consensus, "list">;
  /** DER of the cluster's CA. */
  readonly ca: Uint8Array;
  readonly address: Value<LeaderAddress | undefined>;
  /** What the database on this node has room for. */
  readonly quota: DatabaseQuota;
}

/** The services of every member. */
export function localServices(parts: LocalParts): Service[] {
  const { self, store, nodes, consensus, ca, address, quota } = parts;
  const isMember = memberOf(() => ca);
  return [
    service(CuratorLocal, {
      getCurrentLeader: getCurrentLeader({
        ...{ self, leader: address },
        own: () => allAddresses(nodes.get(self)?.node.status),
        obstacle: () => (quota.isOutOfSpace ? quota.fullError().message : undefined),
        directory: ({ peerCertificates }) =>
          isMember(peerCertificates) ? memberDirectory(nodes) : undefined,
      }),
      getCACertificate: getCaCertificate(store, ca),
      getConsensusMembers: getConsensusMembers(consensus),
    }),
  ];
}

/** The services of the leader, besides those of every member. */
export function leaderServices(leader: Leader): Service[] {
  return [
    service(AAA, { escrow: escrow(leader) }),
    service(Management, {
      getRegisterTicket: getRegisterTicket(leader),
      rotateRegisterTicket: rotateRegisterTicket(leader),
      rotateOwner: rotateOwner(leader),
      getClusterInfo: getClusterInfo(leader),
      getNodes: getNodes(leader),
      approveNode: approveNode(leader),
      updateNodeRoles: updateNodeRoles(leader),
      decommissionNode: decommissionNode(leader),
      deleteNode: deleteNode(leader),
      updateNodeLabels: updateNodeLabels(leader),
      configureCluster: configureCluster(leader),
      backup: backup(leader),
    }),
    service(Curator, {
      watch: watch(leader),
      updateNodeStatus: updateNodeStatus(leader),
      heartbeat: heartbeat(leader),
      registerNode: registerNode(leader),
      commitNode: commitNode(leader),
      joinNode: joinNode(leader),
      joinConsensus: joinConsensus(leader),
      followConsensus: followConsensus(leader),
      followRecovery: followRecovery(leader),
      followUnlockKey: followUnlockKey(leader),
      renewCertificate: renewCertificate(leader),
      recertifyNode: recertifyNode(leader),
      issueCertificate: issueCertificate(leader),
      updateNodeClusterNetworking: updateClusterNetworking(leader),
      getConsensusStatus: getConsensusStatus(leader),
    }),
  ];
}
