// Curator.FollowConsensus: tells a consensus member whose certificates count no more.
import type { Handler } from "../../base/rpc/rpc.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { revocationList } from "../consensus/revocations.ts";
import { callingMember } from "../state/callers.ts";
import type { Leader } from "../state/leader.ts";

/** Answers with the list, and again whenever it changes. */
export function followConsensus(leader: Leader): Handler<typeof Curator.method.followConsensus> {
  return async function* (_, call) {
    callingMember(leader, call);
    for await (const record of leader.revocations.watch(call.signal)) {
      yield { revocationList: await revocationList(leader, record) };
    }
  };
}
