// A tiny PE file for tests: headers, room for more section headers, and one section of code.

/** Bytes before the first section's content. */
export const HEADERS_BYTES = 0x400;
const PE_START = 0x80;

/** The file; `content` becomes its section `.text`. */
export function tinyPe(content: Uint8Array): Uint8Array {
  const rawSize = Math.ceil(content.length / 512) * 512;
  const file = new Uint8Array(HEADERS_BYTES + rawSize);
  const view = new DataView(file.buffer);
  view.setUint16(0, 0x4d5a);
  view.setUint32(0x3c, PE_START, true);
  view.setUint32(PE_START, 0x50450000);
  view.setUint16(PE_START + 4, 0x8664, true); // machine: x64
  view.setUint16(PE_START + 6, 1, true); // sections
  view.setUint16(PE_START + 20, 240, true); // size of the optional header
  const optional = PE_START + 24;
  view.setUint16(optional, 0x20b, true);
  view.setUint32(optional + 32, 4096, true); // section alignment
  view.setUint32(optional + 36, 512, true); // file alignment
  view.setUint32(optional + 56, 8192, true); // size of the image in memory
  view.setUint32(optional + 60, HEADERS_BYTES, true);
  view.setUint32(optional + 64, 0xdeadbeef, true); // checksum
  view.setUint32(optional + 108, 16, true); // data directories
  const section = optional + 240;
  file.set(new TextEncoder().encode(".text"), section);
  view.setUint32(section + 8, content.length, true);
  view.setUint32(section + 12, 4096, true);
  view.setUint32(section + 16, rawSize, true);
  view.setUint32(section + 20, HEADERS_BYTES, true);
  file.set(content, HEADERS_BYTES);
  return file;
}
