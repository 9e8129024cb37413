// PE files, the programs of UEFI: reads their sections and adds new ones, which is how a unified
// kernel image is made from systemd's stub.
import { FormatError } from "./format.ts";

const PE32_PLUS = 0x20b;
const SECTION_HEADER_BYTES = 40;
const NAME_BYTES = 8;
const CODE = 0x60000020; // holds code, may be executed and read
const DATA = 0x40000040; // initialized data, may be read

/** Where the parts of a PE file lie; offsets are into the file. */
export interface PeLayout {
  readonly optionalHeader: number;
  readonly checksum: number;
  /** The data directory entry of the certificate table: address, then size. */
  readonly certificateEntry: number;
  readonly sectionTable: number;
  readonly headersSize: number;
  readonly sections: readonly PeSection[];
}

/** A section as its header describes it. */
export interface PeSection {
  readonly name: string;
  readonly virtualSize: number;
  readonly virtualAddress: number;
  readonly rawSize: number;
  readonly rawOffset: number;
}

/** A section to add. */
export interface NewSection {
  /** At most eight bytes, with its leading dot. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly isCode?: boolean;
}

/** Reads the headers of a 64-bit PE file; throws a {@link FormatError} if it is none. */
export function readPe(bytes: Uint8Array): PeLayout {
  try {
    return readHeaders(bytes);
  } catch (error) {
    if (error instanceof RangeError) throw new FormatError("pe: cut short", { cause: error });
    throw error;
  }
}

function readHeaders(bytes: Uint8Array): PeLayout {
  const view = viewOf(bytes);
  const start = view.getUint32(0x3c, true);
  if (view.getUint16(0) !== 0x4d5a || view.getUint32(start) !== 0x50450000) {
    throw new FormatError("pe: no MZ or PE signature");
  }
  const optionalHeader = start + 24;
  if (view.getUint16(optionalHeader, true) !== PE32_PLUS) throw new FormatError("pe: not 64-bit");
  const sectionTable = optionalHeader + view.getUint16(start + 20, true);
  const count = view.getUint16(start + 6, true);
  return {
    optionalHeader,
    checksum: optionalHeader + 64,
    certificateEntry: optionalHeader + 112 + 4 * 8,
    sectionTable,
    headersSize: view.getUint32(optionalHeader + 60, true),
    sections: Array.from({ length: count }, (_, index) =>
      readSection(bytes, sectionTable + index * SECTION_HEADER_BYTES),
    ),
  };
}

function readSection(bytes: Uint8Array, at: number): PeSection {
  const view = viewOf(bytes);
  const name = new TextDecoder().decode(bytes.subarray(at, at + NAME_BYTES));
  return {
    name: name.replace(/\0+$/, ""),
    virtualSize: view.getUint32(at + 8, true),
    virtualAddress: view.getUint32(at + 12, true),
    rawSize: view.getUint32(at + 16, true),
    rawOffset: view.getUint32(at + 20, true),
  };
}

/** The content of a section, without the padding that alignment added. */
export function sectionBytes(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const section = readPe(bytes).sections.find((one) => one.name === name);
  if (section === undefined) return undefined;
  const size = Math.min(section.rawSize, section.virtualSize);
  return bytes.subarray(section.rawOffset, section.rawOffset + size);
}

/** A PE file with sections added behind those it has. */
export function addSections(bytes: Uint8Array, added: readonly NewSection[]): Uint8Array {
  const pe = readPe(bytes);
  const view = viewOf(bytes);
  const sectionAlignment = view.getUint32(pe.optionalHeader + 32, true);
  const fileAlignment = view.getUint32(pe.optionalHeader + 36, true);
  const count = pe.sections.length + added.length;
  if (pe.sectionTable + count * SECTION_HEADER_BYTES > pe.headersSize) {
    throw new FormatError(`pe: no room for ${added.length} more section headers`);
  }
  const last = pe.sections.reduce((a, b) => (a.virtualAddress > b.virtualAddress ? a : b));
  let address = roundUp(last.virtualAddress + last.virtualSize, sectionAlignment);
  let offset = roundUp(bytes.length, fileAlignment);
  const placed = added.map((section) => {
    const rawSize = roundUp(section.bytes.length, fileAlignment);
    const place = { section, address, offset, rawSize };
    address = roundUp(address + section.bytes.length, sectionAlignment);
    offset += rawSize;
    return place;
  });
  const result = new Uint8Array(offset);
  result.set(bytes);
  placed.forEach((place, index) => {
    const header = pe.sectionTable + (pe.sections.length + index) * SECTION_HEADER_BYTES;
    writeSection(result, header, place);
  });
  const out = viewOf(result);
  out.setUint16(pe.optionalHeader - 18, count, true);
  out.setUint32(pe.optionalHeader + 56, address, true); // SizeOfImage
  out.setUint32(pe.checksum, 0, true);
  return result;
}

interface Place {
  readonly section: NewSection;
  readonly address: number;
  readonly offset: number;
  readonly rawSize: number;
}

function writeSection(file: Uint8Array, header: number, place: Place): void {
  const { section, address, offset, rawSize } = place;
  const name = new TextEncoder().encode(section.name);
  if (name.length > NAME_BYTES) throw new FormatError(`pe: section name "${section.name}" is long`);
  file.fill(0, header, header + SECTION_HEADER_BYTES);
  file.set(name, header);
  file.set(section.bytes, offset);
  const view = viewOf(file);
  view.setUint32(header + 8, section.bytes.length, true);
  view.setUint32(header + 12, address, true);
  view.setUint32(header + 16, rawSize, true);
  view.setUint32(header + 20, offset, true);
  view.setUint32(header + 36, section.isCode === true ? CODE : DATA, true);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
