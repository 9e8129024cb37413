// Writing into the header of a LUKS2 device as whoever has the disk can: its checksum is no secret.
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";

/** Where things lie in either of the two copies of a header. */
const COPY_BYTES = 16_384;
const METADATA = 4_096;
const CHECKSUM = 0x1c0;
const CHECKSUM_BYTES = 64;

/** The metadata, as far as tests change it. */
export interface Metadata {
  readonly keyslots: Record<string, { key_size: number; area: Record<string, unknown> }>;
  readonly segments: Record<string, Record<string, unknown>>;
  readonly tokens: Record<string, unknown>;
  readonly config: Record<string, unknown>;
}

/** Changes the metadata of a header, in both copies; of a disk's partition, `start` says where. */
export function rewriteHeader(
  device: string,
  change: (metadata: Metadata) => void,
  start = 0,
): void {
  const descriptor = openSync(device, "r+");
  try {
    const both = Buffer.alloc(2 * COPY_BYTES);
    readSync(descriptor, both, 0, both.length, start);
    const metadata = JSON.parse(both.toString("utf8", METADATA, both.indexOf(0, METADATA)));
    change(metadata);
    for (const at of [0, COPY_BYTES]) fill(both.subarray(at, at + COPY_BYTES), metadata);
    writeSync(descriptor, both, 0, both.length, start);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function fill(copy: Buffer, metadata: Metadata): void {
  copy.fill(0, METADATA);
  copy.write(JSON.stringify(metadata), METADATA);
  copy.fill(0, CHECKSUM, CHECKSUM + CHECKSUM_BYTES);
  createHash("sha256").update(copy).digest().copy(copy, CHECKSUM);
}
