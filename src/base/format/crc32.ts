// CRC-32 with the polynomial of IEEE 802.3, as GPT and zip use it.
import { crc32 as zlibCrc32 } from "node:zlib";

/** The checksum of `bytes`, going on from `previous` when a stream comes in pieces. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return zlibCrc32(bytes, previous) >>> 0;
}
