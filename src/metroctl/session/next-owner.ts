// A key that is to replace the owner's, and may do so already; see rotate-owner.ts.
import { certificatePem, type KeyPair, ownerKeyFile } from "../../base/pki/keys.ts";
import { type ContextFolder, contextFiles } from "./context.ts";
import { connectLeader, type Following } from "./leader.ts";
import { initialCredentials, loadOwnerKey } from "./owner.ts";
import { escrow, NotOwnerError } from "./take-ownership.ts";

/** Takes a key up that the cluster has named its owner's; that it waits is forgotten last. */
export function adoptOwner(context: ContextFolder, next: KeyPair, certificate: Uint8Array): void {
  context.write(contextFiles.ownerKey, ownerKeyFile(next), 0o600);
  context.write(contextFiles.ownerCertificate, certificatePem(certificate), 0o644);
  context.remove(contextFiles.nextOwnerKey);
}

/**
 * Finishes a rotation of which only the cluster knows that it happened; false where there is
 * none, or it did not happen: then the key of before still owns the cluster.
 */
export async function finishRotation(
  context: ContextFolder,
  way: Omit<Following, "credentials">,
): Promise<boolean> {
  const next = loadOwnerKey(context, contextFiles.nextOwnerKey);
  if (next === undefined) return false;
  try {
    using leader = await connectLeader({ ...way, credentials: await initialCredentials(next) });
    const { publicKey } = next;
    adoptOwner(context, next, await escrow(leader, { ca: way.ca, publicKey }));
    return true;
  } catch (error) {
    if (error instanceof NotOwnerError) return false;
    throw error;
  }
}
