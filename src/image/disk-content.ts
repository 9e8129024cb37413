// What lies on a disk that may be anybody's: it may be of another system, of another node, or
// broken. Looking at it must neither fail nor take for ever.
import { fileDevice } from "../base/format/block-device.ts";
import { FormatError } from "../base/format/format.ts";
import { type Partition, readGpt, type SectorSize } from "../base/format/gpt.ts";
import { errorText } from "../base/logtree/logtree.ts";
import { PARTITION_TYPE } from "./layout.ts";

/** A disk as one has to know it to read it. */
export interface DiskPlace {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly sectorSize: SectorSize;
}

/** What was found on a disk. */
export type DiskContent =
  | { readonly kind: "table"; readonly partitions: readonly Partition[] }
  /** Without a table that can be read; `isBlank`: it begins with nothing at all. */
  | { readonly kind: "none"; readonly isBlank: boolean }
  | { readonly kind: "unreadable"; readonly reason: string };

/** The kernel tries a bad sector again and again; a healthy disk that slept is up by then. */
const PATIENCE_MS = 20_000;

/** File systems and other tables have begun by here. */
const BEGINNING_BYTES = 1 << 20;

/** Looks at the partition table of a disk, and whether there is anything at all. */
export async function diskContent(
  disk: DiskPlace,
  patienceMs: number = PATIENCE_MS,
): Promise<DiskContent> {
  const tooLate = Promise.withResolvers<DiskContent>();
  const reason = `no answer within ${patienceMs / 1_000} s`;
  const timer = setTimeout(() => tooLate.resolve({ kind: "unreadable", reason }), patienceMs);
  try {
    return await Promise.race([look(disk), tooLate.promise]);
  } catch (error) {
    return { kind: "unreadable", reason: errorText(error) };
  } finally {
    clearTimeout(timer);
  }
}

async function look({ path, size, sectorSize }: DiskPlace): Promise<DiskContent> {
  // An empty card reader is a disk of no size.
  if (size === 0) return { kind: "none", isBlank: true };
  await using device = await fileDevice(path, { size });
  try {
    return { kind: "table", partitions: (await readGpt(device, sectorSize)).partitions };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const beginning = await device.read(0, Math.min(size, BEGINNING_BYTES));
    return { kind: "none", isBlank: beginning.every((byte) => byte === 0) };
  }
}

/** Whether a node was installed on a disk, of this release or another one. */
export function isInstallation(content: DiskContent): boolean {
  if (content.kind !== "table") return false;
  const types = content.partitions.map(({ type }) => type);
  return types.includes(PARTITION_TYPE.systemA) && types.includes(PARTITION_TYPE.data);
}
