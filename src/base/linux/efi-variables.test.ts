// Tests of EFI variables, on a plain folder in the place of efivarfs.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  bootPartition,
  EfiVariables,
  efiVendor,
  hasEfi,
  isSecureBoot,
  PERSISTENT,
} from "./efi-variables.ts";

function firmware(files: Readonly<Record<string, readonly number[]>> = {}) {
  const root = mkdtempSync(join(tmpdir(), "metropolis-efi-"));
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(root, name), new Uint8Array([6, 0, 0, 0, ...bytes]));
  }
  return { root, variables: new EfiVariables(root) };
}

const bootOrder = { name: "BootOrder", vendor: efiVendor.global };

test("EfiVariables.write puts the attributes before the data", () => {
  const { root, variables } = firmware();
  variables.write(bootOrder, { attributes: PERSISTENT, data: new Uint8Array([1, 0]) });
  const bytes = readFileSync(join(root, `BootOrder-${efiVendor.global}`));
  expect([...bytes]).toEqual([7, 0, 0, 0, 1, 0]);
});

test("EfiVariables.write replaces a longer value", () => {
  const { variables } = firmware();
  variables.write(bootOrder, { attributes: PERSISTENT, data: new Uint8Array(8) });
  variables.write(bootOrder, { attributes: PERSISTENT, data: new Uint8Array([2, 0]) });
  expect(variables.read(bootOrder)).toEqual({ attributes: 7, data: new Uint8Array([2, 0]) });
});

test("EfiVariables.list splits names from vendors, and remove forgets", () => {
  const { variables } = firmware({ [`Boot0001-${efiVendor.global}`]: [1] });
  const only = { name: "Boot0001", vendor: efiVendor.global };
  expect(variables.list()).toEqual([only]);
  variables.remove(only);
  variables.remove(only);
  expect(variables.list()).toEqual([]);
  expect(variables.read(only)).toBeUndefined();
});

test.each([
  [1, 0, true],
  [1, 1, false],
  [0, 0, false],
])("isSecureBoot with SecureBoot %d and SetupMode %d is %p", (secure, setup, expected) => {
  const { variables } = firmware({
    [`SecureBoot-${efiVendor.global}`]: [secure],
    [`SetupMode-${efiVendor.global}`]: [setup],
  });
  expect(isSecureBoot(variables)).toBe(expected);
});

test("isSecureBoot is false where the firmware knows no such thing", () => {
  expect(isSecureBoot(firmware().variables)).toBe(false);
});

test("bootPartition reads the loader's UTF-16 text in lower case", () => {
  const text = Buffer.from("ABCDEF01-0000-0000-0000-000000000001\0", "utf16le");
  const { variables } = firmware({ [`LoaderDevicePartUUID-${efiVendor.loader}`]: [...text] });
  expect(bootPartition(variables)).toBe("abcdef01-0000-0000-0000-000000000001");
  expect(bootPartition(firmware().variables)).toBeUndefined();
});

test("hasEfi tells whether the kernel was started by EFI firmware", () => {
  expect(hasEfi(firmware().root)).toBe(true);
  expect(hasEfi("/no/such/folder")).toBe(false);
});
