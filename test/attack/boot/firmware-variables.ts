// Setting variables in a machine's firmware flash while it is off, as whoever can open it,
// and programs on it that were root, can.
import { readFileSync, writeFileSync } from "node:fs";
import { parseGuid } from "../../../src/base/format/guid.ts";
import { ATTRIBUTE, type FirmwareVariable } from "../../../src/base/format/variable-store.ts";

/** gEfiAuthenticatedVariableGuid: how the store begins. */
const STORE_ID = "aaf32c78-947b-439a-a180-2e144ec37792";
const STORE_HEADER_BYTES = 28;
const HEADER_BYTES = 60;
const START_ID = 0x55aa;
/** What flash has where nothing was written. */
const UNWRITTEN = 0xffff_ffff;
const ADDED = 0x3f;
const DELETED = 0x3c;

/** A variable that stays, and that systems see. */
export function lasting(name: string, vendor: string, bytes: Uint8Array): FirmwareVariable {
  const { nonVolatile, boot, runtime } = ATTRIBUTE;
  return { name, vendor, bytes, attributes: nonVolatile | boot | runtime };
}

/** A text as the boot loader's variables have it. */
export function variableText(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, "utf16le");
}

/** A variable in a flash file. */
interface Stored {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where its header begins. */
  readonly at: number;
}

/** The variables that are in force in a flash file, by name. */
export function readVariables(file: string): ReadonlyMap<string, Uint8Array> {
  const { stored } = parse(readFileSync(file), file);
  return new Map(stored.map(({ name, bytes }) => [name, bytes]));
}

/** Sets variables in a flash file, in place of those of the same name. */
export function setVariables(file: string, variables: readonly FirmwareVariable[]): void {
  const flash = readFileSync(file);
  const { stored, store, end } = parse(flash, file);
  const replaced = new Set(variables.map(({ name }) => name));
  for (const { name, at } of stored) if (replaced.has(name)) flash[at + 2] = DELETED;
  let at = end;
  for (const variable of variables) {
    const bytes = encoded(variable);
    flash.set(bytes, at);
    at = aligned(at + bytes.length, store);
  }
  writeFileSync(file, flash);
}

function parse(flash: Buffer, file: string) {
  const store = flash.indexOf(Buffer.from(parseGuid(STORE_ID)));
  if (store === -1) throw new TypeError(`${file}: no store of variables`);
  const stored: Stored[] = [];
  let at = store + STORE_HEADER_BYTES;
  // Firmware that was stopped as it began to write one leaves a header without sizes.
  const isWhole = () => [36, 40].every((size) => flash.readUInt32LE(at + size) !== UNWRITTEN);
  while (flash.readUInt16LE(at) === START_ID && isWhole()) {
    const start = at + HEADER_BYTES;
    const content = start + flash.readUInt32LE(at + 36);
    const end = content + flash.readUInt32LE(at + 40);
    const name = flash.toString("utf16le", start, content - 2);
    if (flash[at + 2] === ADDED) stored.push({ name, bytes: flash.subarray(content, end), at });
    at = aligned(end, store);
  }
  return { stored, store, end: at };
}

/** Each begins at a multiple of four bytes, counted from the store. */
function aligned(at: number, store: number): number {
  return store + Math.ceil((at - store) / 4) * 4;
}

function encoded({ name, vendor, attributes, bytes }: FirmwareVariable): Uint8Array {
  const text = variableText(name);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16LE(START_ID, 0);
  header[2] = ADDED;
  header.writeUInt32LE(attributes, 4);
  header.writeUInt32LE(text.length, 36);
  header.writeUInt32LE(bytes.length, 40);
  header.set(parseGuid(vendor), 44);
  return Buffer.concat([header, text, bytes]);
}
