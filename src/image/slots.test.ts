// Names of kernel images as systemd-boot changes them, and the running slot.
import { expect, test } from "bun:test";
import { FormatError } from "../base/format/format.ts";
import {
  formatKernelName,
  type KernelName,
  kernelPath,
  otherSlot,
  parseKernelName,
  runningSlotId,
} from "./slots.ts";

const U = "00112233-4455-6677-8899-aabbccddeeff";

test.each<[string, KernelName]>([
  ["metropolis-a.efi", { slot: "a" }],
  ["metropolis-a+3.efi", { slot: "a", attempts: { left: 3, done: 0 } }],
  ["metropolis-b+2-1.efi", { slot: "b", attempts: { left: 2, done: 1 } }],
  ["metropolis-b+0-3.efi", { slot: "b", attempts: { left: 0, done: 3 } }],
])("parseKernelName and formatKernelName agree on %p", (file, name) => {
  expect(parseKernelName(file)).toEqual(name);
  expect(formatKernelName(name)).toBe(file);
});

test.each(["", "other.efi", "metropolis-c.efi", "metropolis-a+.efi", "metropolis-a+1-.efi.bak"])(
  "parseKernelName leaves %p alone",
  (file) => {
    expect(parseKernelName(file)).toBeUndefined();
  },
);

test("parseKernelName takes the case that FAT may give", () => {
  expect(parseKernelName("METROPOLIS-A.EFI")).toEqual({ slot: "a" });
});

test("kernelPath lets a new system try three times", () => {
  expect(kernelPath("a")).toBe("EFI/Linux/metropolis-a+3.efi");
});

test("otherSlot alternates", () => {
  expect([otherSlot("a"), otherSlot("b")]).toEqual(["b", "a"]);
});

test("runningSlotId finds the partition in the verity table", () => {
  const table = `system,,,ro,0 8 verity 1 PARTUUID=${U.toUpperCase()} PARTUUID=${U} 4096 4096`;
  const line = `console=tty0 dm-mod.waitfor=PARTUUID=${U} dm-mod.create="${table} 1 1 sha256" ro`;
  expect(runningSlotId(line)).toBe(U);
});

test("runningSlotId refuses a command line without a table", () => {
  expect(() => runningSlotId("console=ttyS0 quiet")).toThrow(FormatError);
  expect(() => runningSlotId(`root=PARTUUID=${U} dm-mod.create="x"`)).toThrow(FormatError);
});
