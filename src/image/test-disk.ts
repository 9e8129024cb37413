// A disk for tests: as large as a real one, remembers the order of writes, and can lose power.
import type { BlockDevice, BlockReader } from "../base/format/block-device.ts";

const PAGE_BYTES = 64 << 10;

/** Something that happened to a disk. */
export type DiskEvent =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "sync" };

/** A disk in memory that uses only what was written to it. */
export function sparseDisk(size: number): BlockDevice {
  const pages = new Map<number, Uint8Array>();
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      for (const { page, inPage, at, count } of pieces(offset, length)) {
        bytes.set(pages.get(page)?.subarray(inPage, inPage + count) ?? new Uint8Array(count), at);
      }
      return bytes;
    },
    async write(offset, bytes) {
      for (const { page, inPage, at, count } of pieces(offset, bytes.length)) {
        const content = pages.get(page) ?? new Uint8Array(PAGE_BYTES);
        content.set(bytes.subarray(at, at + count), inPage);
        pages.set(page, content);
      }
    },
    async sync() {},
  };
}

function* pieces(offset: number, length: number) {
  for (let at = 0; at < length; ) {
    const page = Math.floor((offset + at) / PAGE_BYTES);
    const inPage = (offset + at) % PAGE_BYTES;
    const count = Math.min(PAGE_BYTES - inPage, length - at);
    yield { page, inPage, at, count };
    at += count;
  }
}

/** A device that also writes down what happens to it, for playing it back in part. */
export function journaled(device: BlockDevice): { device: BlockDevice; events: DiskEvent[] } {
  const events: DiskEvent[] = [];
  const recording: BlockDevice = {
    size: device.size,
    read: (offset, length) => device.read(offset, length),
    async write(offset, bytes) {
      events.push({ kind: "write", offset, bytes: bytes.slice() });
      await device.write(offset, bytes);
    },
    async sync() {
      events.push({ kind: "sync" });
    },
  };
  return { device: recording, events };
}

/** Whether firmware would look for something to boot here: a protective MBR comes first. */
export async function hasProtectiveMbr(disk: BlockReader): Promise<boolean> {
  const sector = await disk.read(0, 512);
  return sector[450] === 0xee && sector[510] === 0x55;
}
