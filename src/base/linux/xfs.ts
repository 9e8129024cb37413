// XFS: how large a mounted file system is, and making it larger (ioctl_xfs_fsgeometry(2)).
import { closeSync, openSync } from "node:fs";
import { ioctl } from "./syscall.ts";

/** _IOR('X', 126, struct xfs_fsop_geom), of 256 bytes. */
const FSGEOMETRY = 0x8100587e;
const GEOMETRY_BYTES = 256;

/** _IOW('X', 110, struct xfs_growfs_data), of 16 bytes. */
const FSGROWFSDATA = 0x4010586e;
const GROW_BYTES = 16;

/** What a mounted XFS says about itself. */
export interface Geometry {
  readonly blockBytes: number;
  /** Blocks of data, the log included. */
  readonly blocks: bigint;
  /** Blocks in an allocation group; the last one may be shorter. */
  readonly groupBlocks: number;
  readonly groups: number;
  /** How much of the file system inodes may take. */
  readonly inodePercent: number;
}

function withDirectory<R>(path: string, work: (fd: number) => R): R {
  const fd = openSync(path, "r");
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

function geometryOf(fd: number): Geometry {
  const bytes = new Uint8Array(GEOMETRY_BYTES);
  ioctl(fd, FSGEOMETRY, bytes, "FSGEOMETRY");
  return parseGeometry(bytes);
}

/** Reads a struct xfs_fsop_geom. */
export function parseGeometry(bytes: Uint8Array): Geometry {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    blockBytes: view.getUint32(0, true),
    groupBlocks: view.getUint32(8, true),
    groups: view.getUint32(12, true),
    inodePercent: view.getUint32(28, true),
    blocks: view.getBigUint64(32, true),
  };
}

/** The geometry of the XFS mounted on `target`. */
export function xfsGeometry(target: string): Geometry {
  return withDirectory(target, geometryOf);
}

/**
 * Grows the XFS mounted on `target` to `blocks`.
 *
 * The kernel leaves out a last group that would be too small for its own headers: read the
 * geometry again to know what became of it.
 */
export function growXfs(target: string, blocks: bigint): void {
  withDirectory(target, (fd) => {
    const bytes = new Uint8Array(GROW_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, blocks, true);
    // The call sets this too: anything but the present value would change it.
    view.setUint32(8, geometryOf(fd).inodePercent, true);
    ioctl(fd, FSGROWFSDATA, bytes, "FSGROWFSDATA");
  });
}
