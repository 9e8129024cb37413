// Shares of a secret: any `threshold` of them make it, fewer tell nothing of it.
// Shamir's scheme over GF(2^8), by a library that was audited.
import { combine, split } from "shamir-secret-sharing";

/** Shares that do not make a secret, or cannot be made. */
export class ShareError extends Error {
  override readonly name = "ShareError";
}

/** Makes `count` shares. With a threshold of 1 each of them is the secret itself. */
export async function splitSecret(
  secret: Uint8Array,
  count: number,
  threshold: number,
): Promise<readonly Uint8Array[]> {
  if (threshold < 1 || threshold > count) {
    throw new ShareError(`${count} shares of which ${threshold} suffice: impossible`);
  }
  // The scheme itself begins with two.
  if (threshold === 1) return Array.from({ length: count }, () => secret.slice());
  return split(new Uint8Array(secret), count, threshold);
}

/**
 * What shares make. Whether it is the secret shows only in use: shares of different
 * secrets, or fewer than needed, make random bytes. Throws a {@link ShareError} for
 * what are no shares, such as two that are equal.
 */
export async function combineShares(shares: readonly Uint8Array[]): Promise<Uint8Array> {
  const [only] = shares;
  if (only === undefined) throw new ShareError("no shares");
  if (shares.length === 1) return only;
  try {
    // Plain copies: the library refuses what is more than that, such as a Buffer.
    return await combine(shares.map((share) => new Uint8Array(share)));
  } catch (cause) {
    throw new ShareError("shares do not fit together", { cause });
  }
}
