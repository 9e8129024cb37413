// NodeManagement.GetTroubles: what is wrong with this node, for whoever cannot ask the cluster.
import type { Value } from "../../base/event/event.ts";
import type { Handler } from "../../base/rpc/rpc.ts";
import type { NodeManagement } from "../../gen/metropolis/proto/api/management_pb.ts";

/** Where a node keeps what is wrong with it. */
export interface TroubleSources {
  /** In sentences. */
  readonly troubles: Value<readonly string[]>;
  /** Why etcd cannot run, while it cannot. */
  readonly failure: Value<{ readonly text: string } | null>;
  /** The member of consensus that is to run here. */
  readonly member: Value<object | null>;
}

/** Tells it as it is now. */
export function getTroubles({
  troubles,
  failure,
  member,
}: TroubleSources): Handler<typeof NodeManagement.method.getTroubles> {
  return async () => {
    const text = failure.current?.text;
    const own = troubles.current ?? [];
    return {
      troubles: text === undefined ? [...own] : [text, ...own],
      isConsensusFailing: text !== undefined,
      isConsensusMember: (member.current ?? null) !== null,
    };
  };
}
