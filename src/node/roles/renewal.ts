// Certificates have an end. The node asks for the next one long before, and all that
// proves itself with the old one takes the new one up. It asks by its join key: after a long
// time without power, or by a clock that was wrong, the certificate itself may prove nothing.
import { sleep, type Value } from "../../base/event/event.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { isDue } from "../../base/pki/renewal.ts";
import { CertificateError, expiry, isInTime } from "../../base/pki/verify.ts";
import { type Channel, RpcError } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Credentials, makeCredentials, saveCredentials } from "../storage/credentials.ts";
import type { CredentialPaths } from "../storage/paths.ts";

/** How often the certificate is looked at; clocks may be set at any moment. */
const LOOK_MS = 10_000;

/** Finding the leader takes two rounds of questions, where only some answer. */
const LEAST_CALL_MS = 2_500;

/** How often to ask again about one that holds, where the leader gives it once more. */
const PATIENCE_MS = 3_600_000;

/** What the renewal works with. */
export interface RenewalOptions {
  readonly membership: Value<Credentials>;
  readonly paths: CredentialPaths;
  /** A way to the leader that needs no certificate. */
  readonly connect: (own: Credentials) => Promise<Channel>;
  /** Whether the leader does not accept the certificate. */
  readonly isRefused: Value<boolean>;
  readonly lookMs?: number;
}

/** Keeps the node's own certificate from ending, and replaces one that proves nothing. */
export function renewal(options: RenewalOptions): Runnable {
  const { membership, paths, isRefused, lookMs = LOOK_MS } = options;
  return async ({ signal, log, healthy }) => {
    healthy();
    const say = onceEach(log);
    for (let patientUntil = 0; ; await sleep(lookMs, signal)) {
      const own = await membership.first(signal);
      const holds = isInTime(own.certificate) && isRefused.current !== true;
      if (holds && (!isDue(own.certificate) || performance.now() < patientUntil)) continue;
      const next = await ask(options, own, say, signal);
      if (next === undefined) continue;
      if (Buffer.compare(next.certificate, own.certificate) === 0) {
        patientUntil = performance.now() + PATIENCE_MS;
        if (!holds) say(`The leader gives the same certificate again; ${clocks(own)}`);
        continue;
      }
      await saveCredentials(paths, next);
      membership.set(next);
      log.info(`The next certificate of this node holds until ${expiry(next.certificate)}`);
    }
  };
}

/** Says a thing again only after another one; the time in it makes it no other. */
function onceEach(log: Logger): (text: string) => void {
  let said = "";
  return (text) => {
    const kind = text.replace(/\d/g, "");
    if (kind !== said) log.warning(text);
    said = kind;
  };
}

function clocks({ certificate }: Credentials): string {
  const [end, here] = [expiry(certificate), new Date()].map((time) => time.toISOString());
  return `it ends at ${end}, and the clock here says ${here}`;
}

/** What the leader gives; nothing where it cannot be had now. */
async function ask(
  { connect, lookMs = LOOK_MS }: RenewalOptions,
  own: Credentials,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  using channel = await connect(own);
  try {
    const timeoutMs = Math.max(lookMs, LEAST_CALL_MS);
    const curator = channel.client(Curator);
    const { nodeCertificate } = await curator.recertifyNode({}, { signal, timeoutMs });
    return makeCredentials(own.keyPair, nodeCertificate, own.ca);
  } catch (error) {
    // There are months left to try again, or others are no better off.
    const isPassing = error instanceof RpcError || error instanceof CertificateError;
    if (signal.aborted || !isPassing) throw error;
    say(`Renewing the certificate: ${error.message}`);
    return undefined;
  }
}
