// Certificates have an end. The node asks for the next one long before, and all that
// proves itself with the old one takes the new one up.
import { sleep, type Value } from "../../base/event/event.ts";
import { expiry } from "../../base/pki/verify.ts";
import { type Client, RpcError } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Credentials, makeCredentials, saveCredentials } from "../storage/credentials.ts";
import type { CredentialPaths } from "../storage/paths.ts";

const DAY_MS = 86_400_000;

/** What is left of a certificate when the next one is asked for; two years are given. */
const RENEW_MS = 180 * DAY_MS;

/** How often certificates are looked at. */
export const LOOK_MS = 3_600_000;

/** Whether it is time for the next one. */
export function isEnding(der: Uint8Array, now = Date.now()): boolean {
  return expiry(der).getTime() - now < RENEW_MS;
}

/** Keeps the node's own certificate from ending. */
export function renewal(
  curator: Client<typeof Curator>,
  membership: Value<Credentials>,
  paths: CredentialPaths,
  lookMs = LOOK_MS,
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    for (;;) {
      const own = await membership.first(signal);
      try {
        const next = isEnding(own.certificate) ? await renew(curator, own, signal) : own;
        if (next !== own) {
          await saveCredentials(paths, next);
          membership.set(next);
          log.info(`The next certificate of this node holds until ${expiry(next.certificate)}`);
        }
      } catch (error) {
        // There are months left to try again.
        if (signal.aborted || !(error instanceof RpcError)) throw error;
        log.warning(`Renewing the certificate: ${error.message}`);
      }
      await sleep(lookMs, signal);
    }
  };
}

async function renew(
  curator: Client<typeof Curator>,
  own: Credentials,
  signal: AbortSignal,
): Promise<Credentials> {
  const { nodeCertificate } = await curator.renewCertificate({}, { signal });
  if (Buffer.compare(nodeCertificate, own.certificate) === 0) return own;
  return makeCredentials(own.keyPair, nodeCertificate, own.ca);
}
