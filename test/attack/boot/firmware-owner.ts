// The attacker can set the firmware's variables: he was root once, or opened the flash. He
// tells the firmware and the boot loader what to start and with which words, and wants his
// own program to be PID 1 with the node's keys.
import { expect, test } from "bun:test";
import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { fileDevice } from "../../../src/base/format/block-device.ts";
import { bytesSource } from "../../../src/base/format/byte-source.ts";
import { decodeBootEntry, encodeBootEntry } from "../../../src/base/format/efi-variable.ts";
import { writeFat32 } from "../../../src/base/format/fat32.ts";
import { readGpt } from "../../../src/base/format/gpt.ts";
import { writeGpt } from "../../../src/base/format/gpt-writer.ts";
import { efiVendor } from "../../../src/base/linux/efi-variables.ts";
import type { Machine } from "../../../src/launcher/launcher.ts";
import { outputs } from "../../vm/golden.ts";
import { bootAttacked, expectNotBooted, expectUnmoved } from "./attacked-boot.ts";
import { imageOn, plant } from "./esp.ts";
import { lasting, readVariables, setVariables, variableText } from "./firmware-variables.ts";
import { type Foreign, FROM_ESP, makeForeign } from "./foreign.ts";

const SECTOR_BYTES = 512;
/** The type of a partition in which the boot loader looks for more. */
const XBOOTLDR = "bc13c2ff-59e6-4262-a352-b275fd6f7172";
const XBOOTLDR_BYTES = 128 * 2 ** 20;

/** Has the firmware start the node's kernel image without a boot loader, with words of its own. */
async function startDirectly({ disk, variables }: Machine["files"]): Promise<void> {
  const [entry] = [...readVariables(variables)].find(
    ([name, bytes]) =>
      /^Boot\d{4}$/.test(name) && decodeBootEntry(bytes).description === "Metropolis",
  ) ?? [""];
  expect(entry).toStartWith("Boot");
  await using device = await fileDevice(disk);
  const { partitions } = await readGpt(device, SECTOR_BYTES);
  const [esp] = partitions;
  if (esp === undefined) throw new TypeError("the disk has no partition");
  const content = encodeBootEntry("Metropolis", {
    partitionNumber: 1,
    partitionOffset: esp.offset,
    partitionSize: esp.size,
    partitionId: esp.id,
    sectorSize: SECTOR_BYTES,
    path: `EFI/Linux/${await imageOn(disk)}`,
  });
  const words = variableText(FROM_ESP);
  setVariables(variables, [lasting(entry, efiVendor.global, Buffer.concat([content, words]))]);
}

/** Adds a partition of the attacker's, with the signed image and an entry of his own for it. */
async function addPartition(disk: string, { initramfs }: Foreign): Promise<void> {
  await using device = await fileDevice(disk, { mode: "write" });
  const table = await readGpt(device, SECTOR_BYTES);
  const end = Math.max(...table.partitions.map(({ offset, size }) => offset + size));
  const offset = Math.ceil(end / 2 ** 20) * 2 ** 20;
  const place = { offset, size: XBOOTLDR_BYTES, sectorSize: table.sectorSize };
  const id = crypto.randomUUID();
  const partition = { type: XBOOTLDR, id, name: "XBOOTLDR", offset, size: XBOOTLDR_BYTES };
  await writeGpt(device, { ...table, partitions: [...table.partitions, partition] });
  const entry = ["title Newer", "sort-key a", "version 999", "linux /metropolis.efi"];
  const lines = [...entry, "initrd /foreign.cpio", `options ${FROM_ESP}`, ""].join("\n");
  await writeFat32(
    device,
    { ...place, label: "XBOOTLDR", volumeId: 1, modified: new Date("2026-01-01") },
    {
      "loader/entries/zz.conf": bytesSource(new TextEncoder().encode(lines)),
      "metropolis.efi": bytesSource(readFileSync(join(outputs, "metropolis.efi"))),
      "foreign.cpio": bytesSource(initramfs),
    },
  );
}

/** Registers the tests. */
export function firmwareOwner(): void {
  test("a boot entry that hands words to the kernel image changes nothing", async () => {
    const { program } = await makeForeign("boot-entry");
    await bootAttacked(
      "boot-entry",
      async ({ files }) => {
        await plant(files.disk, { foreign: program, "dev/": "" });
        await startDirectly(files);
      },
      expectUnmoved,
    );
  });

  test("variables that tell the boot loader to take its time and another entry run no program of his own", async () => {
    const foreign = await makeForeign("loader-variables");
    await bootAttacked(
      "loader-variables",
      async ({ files }) => {
        const image = `/EFI/Linux/${await imageOn(files.disk)}`;
        await plant(files.disk, {
          foreign: foreign.program,
          "dev/": "",
          "foreign.cpio": foreign.initramfs,
          "loader/entries/zz.conf": `title Z\nlinux ${image}\ninitrd /foreign.cpio\n`,
        });
        const text = (name: string, value: string) =>
          lasting(name, efiVendor.loader, variableText(value));
        setVariables(files.variables, [
          text("LoaderConfigTimeout", "1"),
          text("LoaderEntryDefault", "zz.conf"),
          text("LoaderEntryOneShot", "zz.conf"),
        ]);
      },
      expectNotBooted,
    );
  });

  test("a second boot partition with the signed image and a foreign initramfs runs no program of his own", async () => {
    const foreign = await makeForeign("xbootldr");
    await bootAttacked(
      "xbootldr",
      async ({ files }) => {
        const { disk } = files;
        await plant(disk, {
          foreign: foreign.program,
          "dev/": "",
          "loader/loader.conf": "timeout 0\neditor no\ndefault zz.conf\n",
        });
        truncateSync(disk, Bun.file(disk).size + XBOOTLDR_BYTES + 2 ** 21);
        await addPartition(disk, foreign);
      },
      expectNotBooted,
    );
  });
}
