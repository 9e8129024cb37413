// How a cluster, or a machine that is to become one, shows to its owner that it was made from
// his medium: by the secret that only the medium had, over what he asks and what it claims.
import { createHmac } from "node:crypto";

/** What is claimed: the CA of a cluster, or the key of a machine that waits for a backup. */
export type OwnershipClaim = "ownership" | "restore";

/** HMAC-SHA256 over purpose, nonce and what is claimed. */
export function ownershipProof(
  claim: OwnershipClaim,
  secret: Uint8Array,
  nonce: Uint8Array,
  claimed: Uint8Array,
): Uint8Array {
  const hmac = createHmac("sha256", secret).update(`metropolis ${claim} v1`);
  return new Uint8Array(hmac.update(nonce).update(claimed).digest());
}
