// CuratorLocal.GetCurrentLeader: tells clients where the leader is.
import type { Value } from "../../base/event/event.ts";
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

/**
 * Tells the leader's address, and each new one. A client that was told an empty
 * address would dial it for ever, so as long as there is none the call fails.
 * `directory` gives what the caller may know of the members.
 */
export function getCurrentLeader(
  self: string,
  leader: Value<LeaderAddress | undefined>,
  directory: (call: Call) => ClusterDirectory | undefined = () => undefined,
): Handler<typeof CuratorLocal.method.getCurrentLeader> {
  return async function* (_, call) {
    for await (const address of leader.watch(call.signal)) {
      if (address === undefined) throw new RpcError(Code.unavailable, "the leader is not known");
      const { id, hosts, port } = address;
      // One of the family that the caller came by: he may have no other.
      const host = nearest(hosts, [call.remoteAddress]) ?? hosts[0] ?? "";
      const where = { leaderNodeId: id, leaderHost: host, leaderPort: port, thisNodeId: self };
      const members = directory(call);
      yield { ...where, ...(members && { directory: members }) };
    }
  };
}
