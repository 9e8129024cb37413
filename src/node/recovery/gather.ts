// Asking the other members of an epoch for their shares, until there are enough.
import { sleep } from "../../base/event/event.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { selfSigned } from "../../base/pki/certificate.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { certificatePem, privateKeyPem } from "../../base/pki/keys.ts";
import { CertificateError, selfSignedKey } from "../../base/pki/verify.ts";
import { connect, RpcError } from "../../base/rpc/rpc.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import type { Lock } from "./lock.ts";
import { type LockedEpoch, missingPeers, unlockedKey } from "./locked-key.ts";

const PAUSE_MS = 500;
const CALL_MS = 5_000;
/** No honest share is longer. */
const MAX_SHARE_BYTES = 64;
/** How often whoever looks at the console is reminded. */
const REMIND_MS = 60_000;

/** Where a node may be, as `host:port` of its recovery service, the likeliest first. */
export type Places = (nodeId: string) => readonly string[];

/** What is around a locked node. */
export interface Outside {
  readonly places: Places;
  /** Whether a cluster unlock key opens the disk: that of an old epoch may do so no more. */
  readonly opens: (key: Uint8Array) => Promise<boolean>;
}

/** Gathers shares until they make the key; sets `lock.key` then. Never ends without one. */
export async function gatherShares(
  lock: Lock,
  { places, opens }: Outside,
  log: Logger,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const tls = {
    keyPem: privateKeyPem(lock.join),
    certificatePem: certificatePem(await selfSigned(lock.join)),
  };
  const reporter = new Reporter(log);
  const useful = new Set(lock.epochs);
  for (;;) {
    signal.throwIfAborted();
    // Before anything is asked: an answer may take its time.
    reporter.tell([...useful]);
    // The newest first: only that one is sure to be with all members.
    for (const epoch of [...useful].toReversed()) {
      await askPeers(epoch, places, tls, signal);
      const key = await unlockedKey(epoch);
      if (key === undefined) continue;
      const { epoch: number } = epoch.epoch;
      if (await opens(key)) {
        log.info(`${epoch.shares.size} shares of recovery epoch ${number} make the key`);
        lock.key.set(key);
        return key;
      }
      useful.delete(epoch);
      log.warning(`Recovery epoch ${number} makes a key that opens nothing any more`);
    }
    await sleep(PAUSE_MS, signal);
  }
}

interface Tls {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** All missing ones at once: one that hangs must not hold up the others. */
async function askPeers(
  epoch: LockedEpoch,
  places: Places,
  tls: Tls,
  signal: AbortSignal,
): Promise<void> {
  if (epoch.epoch.threshold < 2) return;
  await Promise.all(
    missingPeers(epoch).flatMap(({ nodeId, joinPublicKey }) =>
      places(nodeId).map(async (target) => {
        const share = await askPeer(epoch, target, joinPublicKey, tls, signal);
        if (share !== undefined) epoch.shares.set(nodeId, share);
      }),
    ),
  );
}

async function askPeer(
  { epoch }: LockedEpoch,
  target: string,
  key: Uint8Array,
  tls: Tls,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  using channel = connect({
    target,
    credentials: { ...tls, verify: (der) => requireKey(der, key) },
    maxResponseBytes: 4_096,
  });
  try {
    const request = { epoch: epoch.epoch };
    const options = { signal, timeoutMs: CALL_MS };
    const { share } = await channel.client(Recovery).getShare(request, options);
    return share.length > MAX_SHARE_BYTES ? undefined : share;
  } catch (error) {
    signal.throwIfAborted();
    // It is off, or not locked, or somebody else: it will be asked again.
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}

/** Throws a CertificateError for a certificate that does not prove the key. */
export function requireKey(der: Uint8Array, key: Uint8Array): void {
  const proven = selfSignedKey([der]);
  if (proven !== undefined && constantTimeEqual(proven, key)) return;
  throw new CertificateError("the peer does not prove its join key");
}

/** Says what is waited for: at first, whenever that changes, and now and then. */
class Reporter {
  readonly #log: Logger;
  #said = "";
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(log: Logger) {
    this.#log = log;
  }

  tell(epochs: readonly LockedEpoch[]): void {
    const text = waitingFor(epochs.at(-1));
    const isDue = performance.now() - this.#saidAt > REMIND_MS;
    if (text === this.#said && !isDue) return;
    this.#log.info(text);
    this.#said = text;
    this.#saidAt = performance.now();
  }
}

/** What stands on the console of a locked node. */
export function waitingFor(epoch: LockedEpoch | undefined): string {
  if (epoch === undefined) return "Waiting for the cluster";
  const { threshold } = epoch.epoch;
  if (threshold === 0)
    return "Waiting for the cluster, or for the operator: metroctl cluster recover";
  const missing = missingPeers(epoch).map(({ nodeId }) => nodeId);
  const count = Math.max(0, threshold - epoch.shares.size);
  return `Waiting for ${count} more of: ${missing.join(", ")}`;
}
