// Unique local networks of IPv6 (RFC 4193): of one's own, without asking anybody, and hardly
// anybody else's, so that two can be joined.
import { createHash } from "node:crypto";
import type { Prefix } from "./ip-prefix.ts";

/** Eight bits say what it is, forty are by chance. */
const LENGTH = 48;
const LOCAL = 0xfdn;

/** The network that belongs to some bytes, which are as good as chance. */
export function uniqueLocalNetwork(seed: Uint8Array): Prefix {
  const chance = createHash("sha256").update(seed).digest().readUIntBE(0, 5);
  return { family: 6, value: ((LOCAL << 40n) | BigInt(chance)) << 80n, length: LENGTH };
}
