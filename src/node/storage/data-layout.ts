// How large the file system on the data partition starts, and how it grows.
//
// Sectors under authenticated encryption that nobody wrote cannot be read: their
// tags do not match. XFS never reads such a sector in use, but xfs_repair does and
// then gives up. Writing all of a large disk first would take hours. So the file
// system starts small, on a part that has been written, and grows over the rest
// chunk by chunk behind the running node:
//
//   |<-- initial: written, then mkfs -->|<- chunk ->|<- chunk ->| ... device end
//   | group 0            | part of 1    | written, then xfs_growfs
//
// The size of a group (XFS's allocation group) can never change, and the first one
// must be there whole from the start. So it is the price of the first boot: too
// large and the operator waits, too small and a large disk has thousands of them.

const MIB = 1n << 20n;
const GIB = 1n << 30n;

/** XFS block size, which is also the sector size of the encrypted device. */
export const BLOCK_BYTES = 4096n;

/** About so many groups on a large disk: XFS is slow to mount with many thousands. */
const GROUPS = 512n;

/** mkfs.xfs refuses file systems under 300 MB: with 64 MiB of a second group this is above. */
const SMALLEST_GROUP = 256n * MIB;

/** Written in some 16 s on a good SSD, and in three minutes on a spinning disk. */
const LARGEST_GROUP = 16n * GIB;

/** The second group's first part. XFS wants two groups, for a second superblock. */
const SECOND_GROUP_BYTES = 64n * MIB;

/** The smallest log that mkfs.xfs makes for a file system that may become large. */
const SMALLEST_LOG = 64n * MIB;

/** More helps only file systems with a great many cores writing metadata. */
const LARGEST_LOG = 512n * MIB;

/** Some seconds of writing, at half the speed of a slow disk: so much may be for nothing. */
const SMALLEST_CHUNK = 64n * MIB;

/** Where the numbers of one data partition come from: its size alone. */
export interface DataLayout {
  /** What the file system covers in the end. */
  readonly finalBytes: bigint;
  /** What is written before mkfs, and what mkfs makes a file system on. */
  readonly initialBytes: bigint;
  /** Size of an allocation group. */
  readonly groupBytes: bigint;
  readonly logBytes: bigint;
  /** What is written between two growths; at most this is written twice after a power cut. */
  readonly chunkBytes: bigint;
}

/** A part of the device, to be written with zeros before the file system grows over it. */
export interface Chunk {
  readonly start: bigint;
  /** Size of the file system once it covers the chunk. */
  readonly end: bigint;
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  if (value < low) return low;
  return value > high ? high : value;
}

function powerOfTwo(atLeast: bigint): bigint {
  let power = 1n;
  while (power < atLeast) power *= 2n;
  return power;
}

function wholeBlocks(bytes: bigint): bigint {
  return bytes - (bytes % BLOCK_BYTES);
}

/** The layout for a device of `deviceBytes`. */
export function dataLayout(deviceBytes: bigint): DataLayout {
  const finalBytes = wholeBlocks(deviceBytes);
  const groupBytes = clamp(powerOfTwo(finalBytes / GROUPS), SMALLEST_GROUP, LARGEST_GROUP);
  const initialBytes = groupBytes + SECOND_GROUP_BYTES;
  return {
    finalBytes,
    // A device this small is written whole; mkfs says so if it is too small even for that.
    initialBytes: initialBytes < finalBytes ? initialBytes : finalBytes,
    groupBytes,
    logBytes: clamp(groupBytes / 16n, SMALLEST_LOG, LARGEST_LOG),
    chunkBytes: clamp(groupBytes / 4n, SMALLEST_CHUNK, GIB),
  };
}

/** What to write next when the file system covers `coveredBytes`; undefined when it covers all. */
export function nextChunk(layout: DataLayout, coveredBytes: bigint): Chunk | undefined {
  const { finalBytes, chunkBytes } = layout;
  const left = finalBytes - coveredBytes;
  // XFS leaves out a last group of fewer blocks than it needs for its own headers. To ask for
  // them again and again would never end.
  if (left < SMALLEST_LAST_GROUP) return undefined;
  const end = coveredBytes + chunkBytes;
  // A small remainder goes along: it would not be worth a growth of its own.
  return { start: coveredBytes, end: end + SMALLEST_CHUNK > finalBytes ? finalBytes : end };
}

/** XFS_MIN_AG_BLOCKS, 64 blocks: the kernel drops a smaller remainder when it grows. */
const SMALLEST_LAST_GROUP = 64n * BLOCK_BYTES;
