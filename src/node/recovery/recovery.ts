// How a node gets its disk open when all of its cluster was off: it serves its share to
// the other members of its epochs, and asks them for theirs.
//
//   enrolment ── secrets ──► Recovery ── port 7847 ◄──► the same on other nodes
//       ▲                       │              ◄────── metroctl cluster recover
//       └────────── key ◄───────┘
//
// The port is open while the node reaches no leader, and closed else: a running cluster
// gives keys by its own rules, to nodes that it still knows.
import { selfSigned } from "../../base/pki/certificate.ts";
import { certificatePem, privateKeyPem } from "../../base/pki/keys.ts";
import { noUserOf, serve, service, smallLimits } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { linkCalls } from "../whereabouts/link-calls.ts";
import { authorizeLocked, isKnownTo, recoveryHandlers } from "./handlers.ts";
import type { Lock } from "./lock.ts";
import { type Meeting, meetings } from "./meet.ts";

export { followEpochs } from "./follow-epochs.ts";
export { followUnlockKey } from "./follow-unlock-key.ts";
export { gatherShares } from "./gather.ts";
export { emptyLock, held, type Lock, type OwnKeys } from "./lock.ts";
export { unlockedKey } from "./locked-key.ts";
export { receiveBackup } from "./receive-backup.ts";
export { firstRecovery, shareKeyPair } from "./stored-epochs.ts";

/** The port of every node that is locked, or cut off. */
export const RECOVERY_PORT = 7847;

/**
 * Serves recovery while there is a lock and the cluster is not reached, and looks for the other
 * members at the same port of where they may be.
 */
export function recovery(meeting: Meeting, listen = { host: "::", port: RECOVERY_PORT }): Runnable {
  const { lock, isReached } = meeting;
  return async ({ signal, log, healthy, run }) => {
    run("meetings", meetings(meeting, listen.port));
    run("link", linkCalls(meeting, listen));
    healthy();
    for (;;) {
      const present = await lock.first(signal);
      await isReached.first(signal, (reached) => !reached);
      await using _ = await serveLock(present, meeting, listen, log.warning);
      await Promise.race([
        isReached.first(signal, (reached) => reached),
        lock.first(signal, (next) => next !== present),
      ]);
    }
  };
}

/** Serves a lock, until it is closed. */
export async function serveLock(
  lock: Lock,
  { addresses, whereabouts }: Meeting,
  listen: { readonly host: string; readonly port: number },
  warn: (text: string) => void,
) {
  const certificate = certificatePem(await selfSigned(lock.join));
  const surveyor = { addresses: () => addresses.current ?? [], whereabouts };
  return serve({
    services: [service(Recovery, recoveryHandlers(lock, surveyor))],
    authorize: authorizeLocked(lock),
    isMember: isKnownTo(lock),
    isNode: noUserOf(() => lock.clusterCa),
    limits: smallLimits,
    listen,
    tls: { keyPem: privateKeyPem(lock.join), certificatePem: certificate },
    onError: (method, error) => warn(`${method.name} failed: ${error}`),
  });
}
