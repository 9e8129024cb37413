// Tests of the XFS calls, as far as they go without a mounted XFS.
import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { SyscallError } from "./syscall.ts";
import { growXfs, parseGeometry, xfsGeometry } from "./xfs.ts";

test("parseGeometry reads the kernel's structure", () => {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 4096, true);
  view.setUint32(8, 65536, true);
  view.setUint32(12, 10, true);
  view.setUint32(28, 25, true);
  view.setBigUint64(32, 629_248n, true);
  expect(parseGeometry(bytes)).toEqual({
    blockBytes: 4096,
    groupBlocks: 65536,
    groups: 10,
    inodePercent: 25,
    blocks: 629_248n,
  });
});

test("xfsGeometry and growXfs say where there is no XFS", () => {
  // Tests may run on any file system, but /proc is never XFS.
  expect(() => xfsGeometry("/proc")).toThrow(SyscallError);
  expect(() => growXfs("/proc", 1n)).toThrow("ioctl FSGEOMETRY: ENOTTY");
  expect(() => xfsGeometry(`${tmpdir()}/no-such-directory`)).toThrow("ENOENT");
});
