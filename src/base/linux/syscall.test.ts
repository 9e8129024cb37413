// Tests of system call failures.
import { expect, test } from "bun:test";
import { check, cString, libc, SyscallError } from "./syscall.ts";

test("check throws the kernel's reason with the call and its subject", () => {
  const failing = () => check(libc().umount2(cString("/nowhere"), 0), "umount", "/nowhere");
  expect(failing).toThrow(SyscallError);
  // An ordinary user is refused before the kernel looks at the path.
  const reason = process.getuid?.() === 0 ? "ENOENT" : "EPERM";
  expect(failing).toThrow(`umount /nowhere: ${reason}`);
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
