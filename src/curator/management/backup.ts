// Management.Backup: everything that the cluster keeps in consensus, signed by its CA, and
// encrypted so that only the operator can read it. The cluster itself cannot open it again.
import { encryptStream } from "../../base/pki/age.ts";
import { type BackupFacts, signedBackup } from "../../base/pki/signed-backup.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { loadConfiguration } from "../state/configuration.ts";
import { keys } from "../state/keys.ts";
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
    const facts = await presentFacts(leader);
    const snapshot = await leader.consensus.snapshot(signal);
    const backup = signedBackup(await leader.ca(), facts, snapshot);
    for await (const data of encryptStream(operatorPublicKey, backup)) {
      yield { data };
    }
    leader.log.info("A backup of the cluster was given out");
  };
}

async function presentFacts({ store }: Leader): Promise<BackupFacts> {
  const { clusterDomain } = await loadConfiguration(store);
  const { revision } = await store.range(keys.configuration);
  return { cluster: clusterDomain, time: new Date(), revision };
}
