// Writing into the header of a LUKS2 device as whoever has the disk can: its checksum is no secret.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

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

/** Changes the metadata of a device's header, in both copies. */
export function rewriteHeader(device: string, change: (metadata: Metadata) => void): void {
  const disk = readFileSync(device);
  const metadata = JSON.parse(disk.toString("utf8", METADATA, disk.indexOf(0, METADATA)));
  change(metadata);
  for (const at of [0, COPY_BYTES]) {
    const copy = disk.subarray(at, at + COPY_BYTES);
    copy.fill(0, METADATA);
    copy.write(JSON.stringify(metadata), METADATA);
    copy.fill(0, CHECKSUM, CHECKSUM + CHECKSUM_BYTES);
    createHash("sha256").update(copy).digest().copy(copy, CHECKSUM);
  }
  writeFileSync(device, disk);
}
