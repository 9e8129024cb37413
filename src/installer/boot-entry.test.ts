// Tests of the boot entry, on a plain folder in the place of efivarfs.
import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  bootEntryName,
  decodeBootEntry,
  decodeBootOrder,
  encodeBootEntry,
  encodeBootOrder,
} from "../base/format/efi-variable.ts";
import { EfiVariables, efiVendor, PERSISTENT } from "../base/linux/efi-variables.ts";
import { addBootEntry, planEntries } from "./boot-entry.ts";

const other = (number: number) => ({ number, description: "Another system" });
const ours = (number: number) => ({ number, description: "Metropolis" });

test.each([
  ["an empty firmware", [], [], { remove: [], number: 0, order: [0] }],
  ["other systems", [other(0), other(1)], [1, 0], { remove: [], number: 2, order: [2, 1, 0] }],
  ["a gap", [other(0), other(2)], [0, 2], { remove: [], number: 1, order: [1, 0, 2] }],
  [
    "earlier installations",
    [other(0), ours(1), ours(5)],
    [5, 0, 1],
    { remove: [1, 5], number: 1, order: [1, 0] },
  ],
  [
    "an order that names what is not there",
    [other(1)],
    [0, 1],
    { remove: [], number: 2, order: [2, 0, 1] },
  ],
  [
    "an entry that cannot be read",
    [{ number: 0, description: undefined }],
    [0],
    { remove: [], number: 1, order: [1, 0] },
  ],
] as const)("planEntries with %s", (_, known, order, expected) => {
  expect(planEntries(known, order)).toEqual(expected);
});

const file = {
  partitionNumber: 1,
  partitionOffset: 1 << 20,
  partitionSize: 512 << 20,
  partitionId: "01234567-89ab-4def-8123-456789abcdef",
  sectorSize: 512,
  path: "EFI/BOOT/BOOTX64.EFI",
};

function firmware() {
  const variables = new EfiVariables(mkdtempSync(join(tmpdir(), "metropolis-boot-")));
  const set = (name: string, data: Uint8Array) =>
    variables.write({ name, vendor: efiVendor.global }, { attributes: PERSISTENT, data });
  const get = (name: string) => variables.read({ name, vendor: efiVendor.global })?.data;
  return { variables, set, get };
}

test("addBootEntry puts the node first and clears up after earlier ones", () => {
  const { variables, set, get } = firmware();
  set("Boot0000", encodeBootEntry("UEFI Shell", { ...file, path: "shell.efi" }));
  set("Boot0001", new Uint8Array([1, 2, 3]));
  set("Boot0007", encodeBootEntry("Metropolis", { ...file, partitionNumber: 9 }));
  set("BootOrder", encodeBootOrder([0, 7, 1]));
  addBootEntry(variables, file);
  expect(decodeBootOrder(get("BootOrder") ?? new Uint8Array(1))).toEqual([2, 0, 1]);
  expect(get("Boot0007")).toBeUndefined();
  const entry = decodeBootEntry(get(bootEntryName(2)) ?? new Uint8Array());
  expect(entry).toMatchObject({
    description: "Metropolis",
    isActive: true,
    file: { partitionNumber: 1, partitionId: file.partitionId, path: file.path },
  });
});

test("addBootEntry twice leaves one entry", () => {
  const { variables, get } = firmware();
  addBootEntry(variables, file);
  addBootEntry(variables, file);
  expect(
    variables
      .list()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(["Boot0000", "BootOrder"]);
  expect(decodeBootOrder(get("BootOrder") ?? new Uint8Array(1))).toEqual([0]);
});
