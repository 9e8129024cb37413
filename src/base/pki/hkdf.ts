// Keys made from keys, and the comparison of secrets.
import { hkdfSync, timingSafeEqual } from "node:crypto";

/** What a derived key is for. */
export interface HkdfOptions {
  /** Names the purpose: other purposes give other keys. */
  readonly info: string;
  readonly salt?: Uint8Array | undefined;
  /** Length of the result. */
  readonly bytes: number;
}

/** HKDF-SHA256 over a secret. */
export function hkdf(secret: Uint8Array, { info, salt, bytes }: HkdfOptions): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt ?? new Uint8Array(), info, bytes));
}

/** Whether two secrets are equal, in a time that does not tell where they differ. */
export function constantTimeEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
