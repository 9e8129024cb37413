// CuratorLocal.GetCurrentLeader: tells clients where the leader is.
import type { Value } from "../../base/event/event.ts";
import { hostAddressFault } from "../../base/format/host-address.ts";
import { nearest } from "../../base/format/reached.ts";
import { type Call, Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { ClusterDirectory } from "../../gen/metropolis/proto/common/common_pb.ts";

/** A leader that can be reached. */
export interface LeaderAddress {
  readonly id: string;
  /** Literal addresses, best first; one at least. */
  readonly hosts: readonly string[];
  readonly port: number;
}

/** What is told, and to whom. */
export interface CurrentLeader {
  /** The ID of this node. */
  readonly self: string;
  readonly leader: Value<LeaderAddress | undefined>;
  /** The addresses of this node. */
  readonly own: () => readonly string[];
  /** Why nobody may lead, where that is known. */
  readonly obstacle: () => string | undefined;
  /** What the caller may know of the members. */
  readonly directory: (call: Call) => ClusterDirectory | undefined;
}

/**
 * Tells the leader's address, and each new one. A client that was told an empty
 * address would dial it for ever, so as long as there is none the call fails.
 */
export function getCurrentLeader({
  self,
  leader,
  own,
  obstacle,
  directory,
}: CurrentLeader): Handler<typeof CuratorLocal.method.getCurrentLeader> {
  return async function* (_, call) {
    for await (const address of leader.watch(call.signal)) {
      if (address === undefined) {
        const reason = ["the leader is not known", obstacle()].filter((part) => part !== undefined);
        throw new RpcError(Code.unavailable, reason.join(": "));
      }
      const { id, hosts, port } = address;
      const host = nearest(hosts, familiesOf(call, own())) ?? hosts[0] ?? "";
      const where = { leaderNodeId: id, leaderHost: host, leaderPort: port, thisNodeId: self };
      const members = directory(call);
      yield { ...where, ...(members && { directory: members }) };
    }
  };
}

/** A caller may have no other family than that he came by; one on this node has the node's. */
function familiesOf({ remoteAddress }: Call, own: readonly string[]): readonly string[] {
  return hostAddressFault(remoteAddress) === undefined ? [remoteAddress] : own;
}
