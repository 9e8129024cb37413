// Management.Backup: everything that the cluster keeps in consensus, encrypted so
// that only the operator can read it. The cluster itself cannot open it again.
import { encryptStream } from "../../base/pki/age.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import type { Leader } from "../state/leader.ts";

/** Gives a snapshot of etcd, encrypted to the operator's recovery key. */
export function backup(leader: Leader): Handler<typeof Management.method.backup> {
  return async function* (_, { signal }) {
    // A leader who was replaced without noticing has an old state.
    await leader.store.confirm();
    const { operatorPublicKey } = await leader.recovery.current();
    if (operatorPublicKey.length === 0) {
      throw new RpcError(
        Code.failedPrecondition,
        "the cluster was made without a recovery key of the operator",
      );
    }
    leader.log.info("A backup of the cluster begins");
    const snapshot = leader.consensus.snapshot(signal);
    for await (const data of encryptStream(operatorPublicKey, snapshot)) {
      yield { data };
    }
    leader.log.info("A backup of the cluster was given out");
  };
}
