// Tests of the whole installation, on a file in the place of the disk.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { fileDevice } from "../base/format/block-device.ts";
import type { EfiFile } from "../base/format/efi-variable.ts";
import { FormatError } from "../base/format/format.ts";
import { readGpt } from "../base/format/gpt.ts";
import { NodeParametersSchema } from "../gen/metropolis/proto/api/configuration_pb.ts";
import { testBundle } from "../image/test-bundle.ts";
import { install, type Machine } from "./install.ts";
import { testDisk } from "./test-disk.ts";

const home = mkdtempSync(join(tmpdir(), "metropolis-install-"));
afterAll(() => rmSync(home, { recursive: true }));

const GIB = 2 ** 30;
const parameters = toBinary(
  NodeParametersSchema,
  create(NodeParametersSchema, { cluster: { case: "clusterBootstrap", value: {} } }),
);

interface Given {
  readonly diskBytes?: number;
  readonly bundle?: Uint8Array;
  readonly parameters?: Uint8Array;
  readonly machine?: Partial<Machine>;
}

/** Installs on a machine as given, and tells what was printed and done. */
async function installOn(given: Given = {}) {
  const name = crypto.randomUUID();
  const path = join(home, `${name}.img`);
  const size = given.diskBytes ?? 4 * GIB;
  writeFileSync(path, "");
  truncateSync(path, size);
  const bundle = join(home, `${name}.zip`);
  writeFileSync(bundle, given.bundle ?? (await testBundle()));
  const lines: string[] = [];
  const entries: EfiFile[] = [];
  const machine: Machine = {
    hasEfi: true,
    hasTpm: true,
    isSecureBoot: true,
    openMedium: async () => ({ disk: "sda", bundle, parameters: given.parameters ?? parameters }),
    disks: () => [testDisk("sda"), testDisk("vda", { path, size: BigInt(size) })],
    addBootEntry: (file) => entries.push(file),
    ...given.machine,
  };
  const failure = await install(machine, (line) => lines.push(line)).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return { path, size, lines, entries, failure };
}

/** The names of a disk's partitions; undefined if it has no partition table. */
async function partitionsOf(path: string, size: number) {
  await using device = await fileDevice(path, { size });
  try {
    return (await readGpt(device, 512)).partitions;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

test("install writes the disk, says so as the handbook does, and tells the firmware", async () => {
  const { path, size, lines, entries, failure } = await installOn();
  expect(failure).toBeUndefined();
  expect(lines.filter((line) => line.startsWith("Installing"))).toEqual([
    `Installing to ${path}...`,
  ]);
  expect(lines).toContain("Verifying bundle: 100%");
  expect(lines.at(-1)).toBe(`Installed Metropolis 0.1.0-test to ${path}`);
  const partitions = await partitionsOf(path, size);
  expect(partitions?.map(({ name }) => name)).toEqual([
    "ESP",
    "METROPOLIS-SYSTEM-A",
    "METROPOLIS-SYSTEM-B",
    "METROPOLIS-NODE-DATA",
  ]);
  const [esp] = partitions ?? [];
  expect(entries).toMatchObject([
    { partitionNumber: 1, partitionId: esp?.id, path: "EFI/BOOT/BOOTX64.EFI" },
  ]);
});

test.each([
  ["a legacy BIOS", { machine: { hasEfi: false } }, "legacy BIOS"],
  ["no TPM", { machine: { hasTpm: false } }, "no TPM 2.0"],
  ["no Secure Boot", { machine: { isSecureBoot: false } }, "Secure Boot is off"],
  ["a disk that is too small", { diskBytes: GIB }, "too small, it has 1 GiB"],
  [
    "damaged parameters",
    { parameters: new Uint8Array([0xff]) },
    "parameters on the medium are damaged",
  ],
  [
    "parameters of no cluster",
    { parameters: new Uint8Array() },
    "parameters on the medium are damaged",
  ],
  [
    "a bundle that is none",
    { bundle: new Uint8Array(100) },
    /is not a sound bundle: .*: write the medium again/,
  ],
] as const)("install refuses %s with a message, and writes nothing", async (_, given, reason) => {
  const { path, size, lines, entries, failure } = await installOn(given);
  expect(failure).toMatch(reason);
  expect(lines.join("\n")).not.toContain("Installing to");
  expect(entries).toEqual([]);
  expect(await partitionsOf(path, size)).toBeUndefined();
});

test("install refuses a bundle with one changed byte before it writes anything", async () => {
  const bundle = await testBundle();
  const middle = Math.floor(bundle.length / 2);
  bundle[middle] = (bundle[middle] ?? 0) ^ 1;
  const { path, size, lines, failure } = await installOn({ bundle });
  expect(failure).toMatch(/system\.img: damaged \(.*\): write the medium again/);
  expect(lines.join("\n")).not.toContain("Installing to");
  expect(await partitionsOf(path, size)).toBeUndefined();
});

test("install goes on where the firmware refuses a boot entry", async () => {
  const addBootEntry = () => {
    throw new TypeError("no room");
  };
  const { lines, failure } = await installOn({ machine: { addBootEntry } });
  expect(failure).toBeUndefined();
  expect(lines.join("\n")).toContain("Could not add a boot entry: no room");
});
