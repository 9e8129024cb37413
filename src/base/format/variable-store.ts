// The variables of UEFI firmware as OVMF keeps them in its flash file: enough to make a file in
// which Secure Boot is on and trusts our keys, without a firmware running.
import { FormatError } from "./format.ts";
import { parseGuid } from "./guid.ts";

/** gEfiAuthenticatedVariableGuid: how the store begins. */
const STORE_ID = "aaf32c78-947b-439a-a180-2e144ec37792";
const STORE_HEADER_BYTES = 28;
const VARIABLE_HEADER_BYTES = 60;
const START_ID = 0x55aa;
const STATE_ADDED = 0x3f;

const X509_SIGNATURES = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072";

/** Bits of a variable: kept over power cycles, seen by boot services, seen by systems. */
export const ATTRIBUTE = { nonVolatile: 1, boot: 2, runtime: 4, authenticated: 0x20 } as const;

/** A variable to write. */
export interface FirmwareVariable {
  readonly name: string;
  /** GUID of the name's owner. */
  readonly vendor: string;
  readonly attributes: number;
  readonly bytes: Uint8Array;
}

/** A signature list that holds one certificate: what PK, KEK and db are made of. */
export function certificateList(certificateDer: Uint8Array, owner: string): Uint8Array {
  const size = 16 + certificateDer.length;
  const header = new DataView(new ArrayBuffer(12));
  header.setUint32(0, 28 + size, true);
  header.setUint32(4, 0, true);
  header.setUint32(8, size, true);
  const parts = [parseGuid(X509_SIGNATURES), new Uint8Array(header.buffer)];
  return Buffer.concat([...parts, parseGuid(owner), certificateDer]);
}

/** A copy of a blank flash file with variables in it. */
export function writeVariables(
  flash: Uint8Array,
  variables: readonly FirmwareVariable[],
): Uint8Array {
  const result = Uint8Array.from(flash);
  const start = Buffer.from(flash).indexOf(Buffer.from(parseGuid(STORE_ID)));
  if (start === -1) throw new FormatError("variable store: not found in the flash file");
  const size = new DataView(result.buffer).getUint32(start + 16, true);
  let at = start + STORE_HEADER_BYTES;
  if (result[at] !== 0xff) throw new FormatError("variable store: is not blank");
  for (const variable of variables) {
    const bytes = variableBytes(variable);
    if (at + bytes.length > start + size) throw new FormatError("variable store: is full");
    result.set(bytes, at);
    // Each begins at a multiple of four bytes, counted from the store.
    at += Math.ceil(bytes.length / 4) * 4;
  }
  return result;
}

function variableBytes({ name, vendor, attributes, bytes }: FirmwareVariable): Uint8Array {
  const text = Buffer.from(`${name}\0`, "utf16le");
  const header = new Uint8Array(VARIABLE_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint16(0, START_ID, true);
  view.setUint8(2, STATE_ADDED);
  view.setUint32(4, attributes, true);
  // An authenticated variable bears the time of its last change: later changes must be newer.
  if (attributes & ATTRIBUTE.authenticated) {
    view.setUint16(16, 2020, true);
    view.setUint8(18, 1);
    view.setUint8(19, 1);
  }
  view.setUint32(36, text.length, true);
  view.setUint32(40, bytes.length, true);
  header.set(parseGuid(vendor), 44);
  return Buffer.concat([header, text, bytes]);
}
