// Tests of finding the installer's own medium, on a file in the place of a disk.
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDevice } from "../base/format/block-device.ts";
import { writeGpt } from "../base/format/gpt-writer.ts";
import { openMedium, partitionWithId, readParameters } from "./medium.ts";
import { testDisk } from "./test-disk.ts";

const home = mkdtempSync(join(tmpdir(), "metropolis-medium-"));
afterAll(() => rmSync(home, { recursive: true }));

const MIB = 1 << 20;
const SIZE = 16 * MIB;
const id = "0f0e0d0c-0b0a-4908-8706-050403020100";

/** A disk with two partitions, of which the second has the id. */
async function medium() {
  const path = join(home, "medium.img");
  await using device = await fileDevice(path, { mode: "create", size: SIZE });
  const type = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
  await writeGpt(device, {
    diskId: "00000000-0000-4000-8000-000000000001",
    sectorSize: 512,
    partitions: [
      { type, id: crypto.randomUUID(), name: "other", offset: MIB, size: MIB },
      { type, id, name: "ESP", offset: 4 * MIB, size: MIB },
    ],
  });
  return path;
}

test("partitionWithId finds the kernel's name for a partition", async () => {
  const disk = testDisk("sda", { path: await medium(), size: BigInt(SIZE) });
  const part = (number: number, offset: number) =>
    testDisk(`sda${number}`, { disk: "sda", partition: number, offset: BigInt(offset) });
  const devices = [disk, part(1, MIB), part(2, 4 * MIB), testDisk("sdb")];
  expect((await partitionWithId(disk, devices, id))?.name).toBe("sda2");
  expect(await partitionWithId(disk, devices, crypto.randomUUID())).toBeUndefined();
  expect(await partitionWithId(part(1, MIB), devices, id)).toBeUndefined();
});

test("partitionWithId passes over disks without a table and drives without a disk", async () => {
  const blank = join(home, "blank.img");
  writeFileSync(blank, new Uint8Array(MIB));
  const disks = [
    testDisk("sda", { path: blank, size: BigInt(MIB) }),
    testDisk("sdb", { path: join(home, "none"), size: 1n << 30n }),
    testDisk("sdc", { size: 0n }),
  ];
  for (const disk of disks) expect(await partitionWithId(disk, disks, id)).toBeUndefined();
});

test("openMedium asks for another medium where the firmware names none", async () => {
  await expect(openMedium(undefined)).rejects.toThrow("does not say which medium");
});

/** A medium's folder with parameters, and what is noted as their SHA-256. */
function mounted(parameters: string, hash?: string): string {
  const root = mkdtempSync(join(home, "mounted-"));
  const folder = join(root, "metropolis-installer");
  mkdirSync(folder);
  writeFileSync(join(folder, "nodeparams.pb"), parameters);
  if (hash !== undefined) writeFileSync(join(folder, "nodeparams.sha256"), hash);
  return root;
}

test("readParameters gives what was written, and refuses what has changed since", async () => {
  const hash = new Bun.CryptoHasher("sha256").update("parameters").digest("hex");
  const whole = await readParameters(mounted("parameters", hash));
  expect(new TextDecoder().decode(whole)).toBe("parameters");
  const damaged = readParameters(mounted("parameterS", hash));
  await expect(damaged).rejects.toThrow("are damaged. Write it again");
  expect(await readParameters(mounted("of an older metroctl"))).toHaveLength(20);
});

test("readParameters names the file that cannot be read", async () => {
  const reading = readParameters(mkdtempSync(join(home, "empty-")));
  await expect(reading).rejects.toThrow("no readable metropolis-installer/nodeparams.pb");
});
