// EFI boot entries: the variables Boot0000 to BootFFFF, and the order in which they are tried.
//
// An entry says "start this file from the partition with this GUID", so it holds wherever the
// disk is plugged in. Entries of other systems may have paths that we do not understand; those are
// kept as they are.
import { FormatError } from "./format.ts";
import { formatGuid, parseGuid } from "./guid.ts";

/** Where a file is: on which partition, and under which path. */
export interface EfiFile {
  /** Counted from 1. */
  readonly partitionNumber: number;
  /** In bytes. */
  readonly partitionOffset: number;
  /** In bytes. */
  readonly partitionSize: number;
  readonly partitionId: string;
  readonly sectorSize: number;
  /** With slashes and without a leading one, such as `EFI/BOOT/BOOTX64.EFI`. */
  readonly path: string;
}

/** A boot entry. */
export interface BootEntry {
  /** What the firmware's menu shows. */
  readonly description: string;
  /** Whether firmware may try it by itself. */
  readonly isActive: boolean;
  /** What it starts; absent where the path is of another kind. */
  readonly file?: Omit<EfiFile, "partitionOffset" | "partitionSize" | "sectorSize">;
}

const LOAD_OPTION_ACTIVE = 1;
const MEDIA = 0x04;
const HARD_DRIVE = 0x01;
const FILE_PATH = 0x04;
const END = [0x7f, 0xff, 0x04, 0x00] as const;
const END_TYPE = 0x7f;
const HARD_DRIVE_BYTES = 42;
const GPT_FORMAT = 0x02;
const GUID_SIGNATURE = 0x02;

/** The content of a Boot#### variable that starts a file. */
export function encodeBootEntry(description: string, file: EfiFile): Uint8Array {
  const path = new Uint8Array(
    Buffer.concat([hardDriveNode(file), filePathNode(file.path), Uint8Array.from(END)]),
  );
  const title = utf16(description);
  const head = new Uint8Array(6);
  const view = new DataView(head.buffer);
  view.setUint32(0, LOAD_OPTION_ACTIVE, true);
  view.setUint16(4, path.length, true);
  return new Uint8Array(Buffer.concat([head, title, path]));
}

function hardDriveNode(file: EfiFile): Uint8Array {
  const { partitionOffset, partitionSize, sectorSize } = file;
  const node = new Uint8Array(HARD_DRIVE_BYTES);
  const view = new DataView(node.buffer);
  node.set([MEDIA, HARD_DRIVE, HARD_DRIVE_BYTES, 0]);
  view.setUint32(4, file.partitionNumber, true);
  view.setBigUint64(8, BigInt(partitionOffset) / BigInt(sectorSize), true);
  view.setBigUint64(16, BigInt(partitionSize) / BigInt(sectorSize), true);
  node.set(parseGuid(file.partitionId), 24);
  node.set([GPT_FORMAT, GUID_SIGNATURE], 40);
  return node;
}

function filePathNode(path: string): Uint8Array {
  const text = utf16(`\\${path.replaceAll("/", "\\")}`);
  const length = 4 + text.length;
  return new Uint8Array(
    Buffer.concat([Uint8Array.of(MEDIA, FILE_PATH, length & 0xff, length >> 8), text]),
  );
}

/** Reads a Boot#### variable; throws a FormatError for one that is cut short or has no end. */
export function decodeBootEntry(bytes: Uint8Array): BootEntry {
  if (bytes.length < 8) throw new FormatError("boot entry: too short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isActive = (view.getUint32(0, true) & LOAD_OPTION_ACTIVE) !== 0;
  const pathLength = view.getUint16(4, true);
  const { text, end } = readUtf16(bytes, 6);
  if (end + pathLength > bytes.length) throw new FormatError("boot entry: path is cut short");
  const file = decodePath(bytes.subarray(end, end + pathLength));
  return { description: text, isActive, ...(file && { file }) };
}

/** What a device path starts, where it is a partition and then a file. */
function decodePath(path: Uint8Array): BootEntry["file"] {
  const [drive, file] = splitNodes(path);
  if (drive === undefined || file === undefined) return undefined;
  const isDrive =
    drive[0] === MEDIA &&
    drive[1] === HARD_DRIVE &&
    drive.length === HARD_DRIVE_BYTES &&
    drive[41] === GUID_SIGNATURE;
  if (!isDrive || file[0] !== MEDIA || file[1] !== FILE_PATH) return undefined;
  const view = new DataView(drive.buffer, drive.byteOffset, drive.length);
  return {
    partitionNumber: view.getUint32(4, true),
    partitionId: formatGuid(drive, 24),
    path: readUtf16(file, 4).text.replaceAll("\\", "/").replace(/^\/+/, ""),
  };
}

function splitNodes(path: Uint8Array): readonly Uint8Array[] {
  const nodes: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= path.length && path[at] !== END_TYPE) {
    const length = (path[at + 2] ?? 0) | ((path[at + 3] ?? 0) << 8);
    // A node counts its own head of four bytes; less would never get anywhere.
    if (length < 4 || at + length > path.length) {
      throw new FormatError("boot entry: a part of its path is damaged");
    }
    nodes.push(path.subarray(at, at + length));
    at += length;
  }
  return nodes;
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length + 1) * 2);
  const view = new DataView(bytes.buffer);
  for (let unit = 0; unit < text.length; unit++) {
    view.setUint16(unit * 2, text.charCodeAt(unit), true);
  }
  return bytes;
}

function readUtf16(bytes: Uint8Array, start: number): { text: string; end: number } {
  for (let at = start; at + 2 <= bytes.length; at += 2) {
    if (bytes[at] !== 0 || bytes[at + 1] !== 0) continue;
    const text = new TextDecoder("utf-16le").decode(bytes.subarray(start, at));
    return { text, end: at + 2 };
  }
  throw new FormatError("boot entry: a text has no end");
}

/** The numbers in a BootOrder variable. */
export function decodeBootOrder(bytes: Uint8Array): readonly number[] {
  if (bytes.length % 2 !== 0) throw new FormatError("boot order: has half a number");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 2 }, (_, index) => view.getUint16(index * 2, true));
}

/** The content of a BootOrder variable. */
export function encodeBootOrder(order: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(order.length * 2);
  const view = new DataView(bytes.buffer);
  for (const [index, number] of order.entries()) view.setUint16(index * 2, number, true);
  return bytes;
}

/** The name of the variable that holds an entry, such as `Boot001A`. */
export function bootEntryName(number: number): string {
  return `Boot${number.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The number in such a name; undefined for names of other variables, `BootOrder` among them. */
export function bootEntryNumber(name: string): number | undefined {
  const match = /^Boot([0-9A-Fa-f]{4})$/.exec(name);
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 16);
}
