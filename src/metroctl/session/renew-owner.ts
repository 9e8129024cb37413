// The owner's certificate has an end, and metroctl renews it in passing: the same
// exchange as at takeownership, half a year before the end or whenever somebody
// comes back after it.
import { certificateDer, certificatePem } from "../../base/pki/keys.ts";
import { expiry } from "../../base/pki/verify.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles } from "./context.ts";
import { connectLeader, type Following } from "./leader.ts";
import { type Credentials, initialCredentials, loadOwnerKey } from "./owner.ts";
import { escrow } from "./take-ownership.ts";

const DAY_MS = 86_400_000;
/** The cluster gives a new certificate from here on, and the old one again before. */
const RENEW_MS = 180 * DAY_MS;

/**
 * The credentials to go on with: those given, or newer ones, which are saved. A
 * renewal that fails is tried again next time.
 *
 * Throws a {@link UserError} when it fails and the certificate has ended.
 */
export async function renewedCredentials(
  context: ContextFolder,
  present: Credentials,
  way: Pick<Following, "ca" | "reach">,
  now: number = Date.now(),
): Promise<Credentials> {
  const leftMs = expiry(certificateDer(present.certificatePem)).getTime() - now;
  const key = loadOwnerKey(context);
  if (leftMs > RENEW_MS || key === undefined) return present;
  try {
    const initial = await initialCredentials(key);
    using leader = await connectLeader({ ...way, credentials: initial });
    const { publicKey } = key;
    const renewed = certificatePem(await escrow(leader, { ca: way.ca, publicKey }));
    context.write(contextFiles.ownerCertificate, renewed, 0o644);
    return { ...present, certificatePem: renewed };
  } catch (cause) {
    if (leftMs > 0) return present;
    throw new UserError("the owner's certificate has ended, and could not be renewed", { cause });
  }
}
