// Installer media, judged by sgdisk, fsck.fat and mtools.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDevice } from "../base/format/block-device.ts";
import { readGpt } from "../base/format/gpt.ts";
import { BUNDLE_FILES } from "./bundle.ts";
import { ImageError } from "./image-error.ts";
import { type MediumOptions, writeInstallerMedium } from "./medium.ts";
import type { ProgressStep } from "./progress.ts";
import { TEST_FILES, testBundle } from "./test-bundle.ts";

const MIB = 2 ** 20;

const ID = "00000000-0000-4000-8000-000000000001";

let folder = "";
let bundlePath = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "medium-"));
  bundlePath = join(folder, "bundle.zip");
  await writeFile(bundlePath, await testBundle());
});
afterAll(() => rm(folder, { recursive: true }));

function options(target: string, given: Partial<MediumOptions> = {}): MediumOptions {
  const nodeParameters = new TextEncoder().encode("parameters");
  const path = join(folder, target);
  return { target: path, bundlePath, nodeParameters, newId: () => ID, volumeId: 9, ...given };
}

async function emptyDevice(name: string, size: number): Promise<void> {
  const file = await open(join(folder, name), "w");
  await file.truncate(size);
  await file.close();
}

function shell(command: string): string {
  const { stdout, stderr } = Bun.spawnSync(["sh", "-c", command], { cwd: folder });
  return stdout.toString() + stderr.toString();
}

describe("writeInstallerMedium to a file", () => {
  test("makes an image with everything that the installer needs", async () => {
    await writeInstallerMedium(options("usb.img"));
    expect(shell("sgdisk --verify --print usb.img")).toMatch(/No problems[\s\S]*MetropolisInst/);
    const esp = "usb.img@@1M";
    expect(shell(`mtype -i ${esp} ::/metropolis-installer/nodeparams.pb`)).toBe("parameters");
    expect(shell("printf parameters | sha256sum")).toStartWith(
      shell(`mtype -i ${esp} ::/metropolis-installer/nodeparams.sha256`),
    );
    shell(`mcopy -i ${esp} ::/metropolis-installer/bundle.zip copied.zip`);
    expect(shell("cmp bundle.zip copied.zip && echo same")).toBe("same\n");
    shell(`mcopy -i ${esp} ::/EFI/BOOT/BOOTX64.EFI copied.efi`);
    const installer = await Bun.file(join(folder, "copied.efi")).bytes();
    expect(
      Buffer.from(installer).equals(TEST_FILES[BUNDLE_FILES.installer] ?? new Uint8Array()),
    ).toBeTrue();
    expect(shell(`mdir -i ${esp} ::`)).toContain("METRO_INST");
  });

  test("makes a volume that fsck finds nothing wrong with", async () => {
    await writeInstallerMedium(options("fsck.img"));
    const size = (await stat(join(folder, "fsck.img"))).size;
    expect(size).toBe(64 * MIB);
    shell("dd if=fsck.img of=fsck.esp bs=1M skip=1 count=62");
    expect(shell("fsck.fat -n fsck.esp && echo clean")).toContain("clean");
  });

  test("gives the same bytes for the same input", async () => {
    await writeInstallerMedium(options("one.img"));
    await writeInstallerMedium(options("two.img"));
    expect(shell("cmp one.img two.img && echo same")).toBe("same\n");
  });

  test("replaces an old image, and leaves it when the bundle is bad", async () => {
    await writeFile(join(folder, "old.img"), "old");
    const damaged = await testBundle();
    damaged[2_000_000] = (damaged[2_000_000] ?? 0) ^ 1;
    const bad = join(folder, "bad.zip");
    await writeFile(bad, damaged);
    const writing = writeInstallerMedium(options("old.img", { bundlePath: bad }));
    await expect(writing).rejects.toThrow("download the bundle again");
    expect(await Bun.file(join(folder, "old.img")).text()).toBe("old");
    await writeInstallerMedium(options("old.img"));
    expect((await stat(join(folder, "old.img"))).size).toBe(64 * MIB);
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("refuses a target that is no file", async () => {
    const writing = writeInstallerMedium(options(".", { target: folder }));
    await expect(writing).rejects.toThrow("is not a file");
  });

  test("reports verifying, writing and reading back", async () => {
    const steps: ProgressStep[] = [];
    await writeInstallerMedium(options("steps.img", { progress: (step) => steps.push(step) }));
    expect([...new Set(steps.map(({ step }) => step))]).toEqual([
      "Verifying bundle",
      "Writing installer",
      "Verifying what was written",
    ]);
  });
});

describe("writeInstallerMedium to a device", () => {
  test("overwrites it and puts the backup table at its end", async () => {
    const size = 200 * MIB;
    await emptyDevice("stick", size);
    await writeInstallerMedium(options("stick", { deviceBytes: size }));
    await using device = await fileDevice(join(folder, "stick"));
    expect((await device.read(size - 512, 8)).toHex()).toBe("4546492050415254");
    const table = await readGpt(device, 512);
    expect(table.partitions[0]?.size).toBe(62 * MIB);
  });

  test("writes sectors of 4 KiB", async () => {
    const size = 400 * MIB;
    await emptyDevice("4k", size);
    await writeInstallerMedium(options("4k", { deviceBytes: size, sectorSize: 4096 }));
    await using device = await fileDevice(join(folder, "4k"));
    const [esp] = (await readGpt(device, 4096)).partitions;
    shell(`dd if=4k of=4k.esp bs=1M skip=1 count=${(esp?.size ?? 0) / MIB}`);
    expect(shell("fsck.fat -n 4k.esp && echo clean")).toContain("clean");
  });

  test("refuses one that is too small and leaves it as it was", async () => {
    await emptyDevice("tiny", 32 * MIB);
    const writing = writeInstallerMedium(options("tiny", { deviceBytes: 32 * MIB }));
    await expect(writing).rejects.toThrow(/too small: it has 32 MiB, the installer needs 64 MiB/);
    await expect(writing).rejects.toBeInstanceOf(ImageError);
    const bytes = await Bun.file(join(folder, "tiny")).bytes();
    expect(bytes.every((byte) => byte === 0)).toBeTrue();
  });
});
