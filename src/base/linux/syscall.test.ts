// Tests of system call failures.
import { expect, test } from "bun:test";
import { check, cString, libc, SyscallError } from "./syscall.ts";

test("check throws the kernel's reason with the call and its subject", () => {
  const failing = () => check(libc().umount2(cString("/nowhere"), 0), "umount", "/nowhere");
  expect(failing).toThrow(SyscallError);
  // Kernels differ in whether they look at the path before the right to do this.
  expect(failing).toThrow(/^umount \/nowhere: (ENOENT|EPERM)$/);
});

test("check gives back what a successful call returned", () => {
  expect(check(7, "read", "something")).toBe(7);
});

test("SyscallError names its errno", () => {
  const error = new SyscallError("mount", "xfs on /data", 16);
  expect(error.code).toBe("EBUSY");
  expect(error.errno).toBe(16);
  expect(error.message).toBe("mount xfs on /data: EBUSY");
});

test("cString ends with a zero byte", () => {
  expect([...cString("ä")]).toEqual([0xc3, 0xa4, 0]);
});
