// GUIDs as firmware stores them: the first three groups little-endian, the rest as written.
import { FormatError } from "./format.ts";

/** Length of a GUID in bytes. */
export const GUID_BYTES = 16;

/** The GUID that marks an unused partition entry. */
export const NIL_GUID = "00000000-0000-0000-0000-000000000000";

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// Position in the text's order of bytes for each stored byte; the mapping is its own inverse.
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

/** The stored bytes of a GUID in text form. */
export function parseGuid(text: string): Uint8Array {
  if (!PATTERN.test(text)) throw new FormatError(`GUID ${JSON.stringify(text)} is malformed`);
  const written = Uint8Array.fromHex(text.replaceAll("-", ""));
  return Uint8Array.from(ORDER, (position) => written[position] ?? 0);
}

/** The text form, in lower case, of a stored GUID that begins at `offset`. */
export function formatGuid(bytes: Uint8Array, offset = 0): string {
  const stored = bytes.subarray(offset, offset + GUID_BYTES);
  if (stored.length !== GUID_BYTES) throw new FormatError("GUID is cut short");
  return guidFromHex(Uint8Array.from(ORDER, (position) => stored[position] ?? 0).toHex());
}

/**
 * The GUID whose text shows the first 32 digits of `hex` in order.
 *
 * A system slot is named like this after its root hash, so that the kernel command line, which
 * knows the hash, also knows the partition.
 */
export function guidFromHex(hex: string): string {
  const parts = /^(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(hex.toLowerCase());
  const guid = parts?.slice(1).join("-") ?? "";
  if (!PATTERN.test(guid)) throw new FormatError(`no GUID in ${JSON.stringify(hex)}`);
  return guid;
}
