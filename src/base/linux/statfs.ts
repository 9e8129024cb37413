// statfs(2): how full a file system is, and of what kind.
import { statfsSync } from "node:fs";

/** The numbers by which statfs(2) tells file systems apart. */
export const magic = {
  cgroup2: 0x63677270n,
  efivarfs: 0xde5e81e4n,
  erofs: 0xe0f5e1e2n,
  ramfs: 0x858458f6n,
  tmpfs: 0x01021994n,
  vfat: 0x4d44n,
  xfs: 0x58465342n,
} as const;

/** How full a file system is, in bytes. */
export interface Usage {
  readonly size: bigint;
  /** What ordinary users may still take. */
  readonly available: bigint;
}

/** How full the file system that holds `path` is. */
export function usage(path: string): Usage {
  const { bsize, blocks, bavail } = statfsSync(path, { bigint: true });
  return { size: blocks * bsize, available: bavail * bsize };
}

/** The kind of file system that holds `path`; compare with {@link magic}. */
export function kindOf(path: string): bigint {
  // Some come sign-extended, since the kernel's field is a signed long.
  return BigInt.asUintN(32, statfsSync(path, { bigint: true }).type);
}
