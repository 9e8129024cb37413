// The hash tree of dm-verity: what proves each block of an image against one root hash.
//
// Format 1 without a superblock, SHA-256, blocks of 4 KiB. Each tree block holds the salted hashes
// of 128 blocks of the level below; on disk the top block comes first:
//
//   image ............ | top | level 1 ... | level 0 (hashes of the image's blocks) ...
import { createHash } from "node:crypto";
import { FormatError } from "./format.ts";

/** Size of data blocks and of hash blocks. */
export const VERITY_BLOCK_BYTES = 4096;
const DIGEST_BYTES = 32;

/** A finished tree. */
export interface VerityTree {
  /** What is written right behind the image. */
  readonly tree: Uint8Array;
  readonly rootHash: Uint8Array;
  readonly dataBlocks: number;
}

/** Computes the tree of an image, whose size must be a multiple of the block size. */
export function verityTree(image: Uint8Array, salt: Uint8Array): VerityTree {
  if (image.length === 0 || image.length % VERITY_BLOCK_BYTES !== 0) {
    throw new FormatError(`verity: image of ${image.length} bytes is not made of whole blocks`);
  }
  const levels: Uint8Array[] = [];
  let below = image;
  while (below.length > VERITY_BLOCK_BYTES) {
    below = hashLevel(below, salt);
    levels.unshift(below);
  }
  return {
    tree: Buffer.concat(levels),
    rootHash: saltedHash(below, salt),
    dataBlocks: image.length / VERITY_BLOCK_BYTES,
  };
}

function hashLevel(below: Uint8Array, salt: Uint8Array): Uint8Array {
  const blocks = below.length / VERITY_BLOCK_BYTES;
  const size = Math.ceil((blocks * DIGEST_BYTES) / VERITY_BLOCK_BYTES) * VERITY_BLOCK_BYTES;
  const level = new Uint8Array(size);
  for (let index = 0; index < blocks; index += 1) {
    const start = index * VERITY_BLOCK_BYTES;
    const block = below.subarray(start, start + VERITY_BLOCK_BYTES);
    level.set(saltedHash(block, salt), index * DIGEST_BYTES);
  }
  return level;
}

function saltedHash(block: Uint8Array, salt: Uint8Array): Uint8Array {
  return createHash("sha256").update(salt).update(block).digest();
}
