// Installation onto files that stand for disks, with the power cut at every write.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type BlockDevice, fileDevice } from "../base/format/block-device.ts";
import { readGpt } from "../base/format/gpt.ts";
import { BUNDLE_FILES, type Bundle, openBundleBytes } from "./bundle.ts";
import { ImageError } from "./image-error.ts";
import { type InstallOptions, planInstall, writeNodeDisk } from "./install.ts";
import type { ProgressStep } from "./progress.ts";
import { TEST_FILES, testBundle } from "./test-bundle.ts";
import { type DiskEvent, hasProtectiveMbr, journaled, sparseDisk } from "./test-disk.ts";
import { writeImage } from "./write-image.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const parameters = new TextEncoder().encode("node parameters");

let folder = "";
let bundle: Bundle;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "install-"));
  bundle = await openBundleBytes(await testBundle());
});
afterAll(() => rm(folder, { recursive: true }));

function options(given: Partial<InstallOptions> = {}): InstallOptions {
  let count = 0;
  const newId = () => `00000000-0000-4000-8000-${String(++count).padStart(12, "0")}`;
  return { disk: "", diskBytes: 4 * GIB, bundle, parameters, newId, volumeId: 7, ...given };
}

async function sparseFile(name: string, size: number): Promise<string> {
  const path = join(folder, name);
  const file = await open(path, "w");
  await file.truncate(size);
  await file.close();
  return path;
}

function shell(command: string): string {
  const { stdout, stderr } = Bun.spawnSync(["sh", "-c", command]);
  return stdout.toString() + stderr.toString();
}

describe("writeNodeDisk", () => {
  test("makes a disk that other tools find whole", async () => {
    const disk = await sparseFile("disk", 4 * GIB);
    const installed = await writeNodeDisk(options({ disk }));
    expect(shell(`sgdisk --verify ${disk}`)).toContain("No problems found");
    const { offset, size } = installed.plan.esp;
    const esp = join(folder, "esp");
    shell(`dd if=${disk} of=${esp} bs=1M skip=${offset / MIB} count=${size / MIB} conv=sparse`);
    expect(shell(`fsck.fat -n ${esp} && echo clean`)).toContain("clean");
    expect(shell(`mtype -i ${esp} ::/EFI/Linux/metropolis-a+3.efi`)).toBe("the node's kernel");
    expect(shell(`mtype -i ${esp} ::/metropolis/parameters.pb`)).toBe("node parameters");
    expect(shell(`mtype -i ${esp} ::/loader/loader.conf`)).toStartWith(
      "timeout menu-disabled\neditor no\n",
    );
  });

  test("names slot A after the root hash and tells the ESP's GUID", async () => {
    const disk = await sparseFile("ids", 4 * GIB);
    const installed = await writeNodeDisk(options({ disk }));
    await using device = await fileDevice(disk);
    const { partitions } = await readGpt(device, 512);
    expect(partitions[1]?.id).toBe("01234567-89ab-cdef-0123-456789abcdef");
    expect(partitions[installed.espNumber - 1]?.id).toBe(installed.espId);
    const system = TEST_FILES[BUNDLE_FILES.system] ?? new Uint8Array();
    const written = await device.read(installed.plan.systemA.offset, system.length);
    expect(Buffer.from(written).equals(system)).toBeTrue();
  });

  test("clears where old data could be opened or mistaken", async () => {
    const disk = await sparseFile("old", 4 * GIB);
    const { systemB, data } = planInstall(options()).plan;
    {
      await using device = await fileDevice(disk, { mode: "write" });
      for (const at of [0, systemB.offset + 1024, data.offset, data.offset + 4 * MIB]) {
        await device.write(at, Uint8Array.of(0xee, 0xee));
      }
    }
    await writeNodeDisk(options({ disk }));
    await using device = await fileDevice(disk);
    for (const { offset } of [systemB, data]) {
      const start = await device.read(offset, MIB);
      expect(start.every((byte) => byte === 0)).toBeTrue();
    }
    expect(await device.read(data.offset + 4 * MIB, 2)).toEqual(new Uint8Array(2));
  });

  test("reports writing and reading back to their ends", async () => {
    const steps: ProgressStep[] = [];
    const disk = await sparseFile("progress", 4 * GIB);
    await writeNodeDisk(options({ disk, progress: (step) => steps.push(step) }));
    expect([...new Set(steps.map(({ step }) => step))]).toEqual([
      "Writing system",
      "Verifying what was written",
    ]);
    const last = steps.findLast(({ step }) => step === "Writing system");
    expect(last?.done).toBe(last?.total);
  });

  test("does not touch a disk that is too small", async () => {
    const disk = await sparseFile("small", GIB);
    const installing = writeNodeDisk(options({ disk, diskBytes: GIB }));
    await expect(installing).rejects.toThrow(
      new ImageError("disk is too small: it has 1 GiB, a node needs at least 2.5 GiB"),
    );
    expect((await Bun.file(disk).slice(0, MIB).bytes()).every((byte) => byte === 0)).toBeTrue();
  });

  test("leaves no table when the medium gives other bytes than the manifest", async () => {
    const disk = await sparseFile("faulty", 4 * GIB);
    const changed = TEST_FILES[BUNDLE_FILES.kernel]?.slice().fill(0x21);
    const faulty = await openBundleBytes(await testBundle({ [BUNDLE_FILES.kernel]: changed }));
    const installing = writeNodeDisk(options({ disk, bundle: faulty }));
    await expect(installing).rejects.toThrow("metropolis.efi: sha256 is");
    await using device = await fileDevice(disk);
    await expect(readGpt(device, 512)).rejects.toThrow("no partition table");
  });
});

/** What a disk holds, as far as whoever boots it can tell. */
async function outcome(disk: BlockDevice): Promise<"nothing" | "old" | "new"> {
  if (!(await hasProtectiveMbr(disk))) return "nothing";
  const { diskId } = await readGpt(disk, 512);
  return diskId.startsWith("ffffffff") ? "old" : "new";
}

/** A disk with an older installation, and all that installing anew does to it. */
async function reinstallation() {
  const makeOld = async () => {
    const disk = sparseDisk(4 * GIB);
    const { image } = planInstall(options());
    const diskId = "ffffffff-0000-4000-8000-000000000000";
    await writeImage(disk, { ...image, table: { ...image.table, diskId } }, () => {});
    return disk;
  };
  const { device, events } = journaled(await makeOld());
  await writeImage(device, planInstall(options()).image, () => {});
  return { makeOld, events };
}

async function apply(disk: BlockDevice, event: DiskEvent): Promise<void> {
  if (event.kind === "write") await disk.write(event.offset, event.bytes);
}

describe("a power cut while installing", () => {
  test("after any number of writes leaves the old system, nothing, or the new one", async () => {
    const { makeOld, events } = await reinstallation();
    const disk = await makeOld();
    const seen = [await outcome(disk)];
    for (const event of events) {
      await apply(disk, event);
      seen.push(await outcome(disk));
    }
    // Once each and in this order, so it never goes back either.
    const changes = seen.filter((one, index) => one !== seen[index - 1]);
    expect(changes).toEqual(["old", "nothing", "new"]);
    // The first write takes the old one away, and only the very last one brings the new one.
    expect(seen.indexOf("nothing")).toBe(1);
    expect(seen.indexOf("new")).toBe(events.findLastIndex(({ kind }) => kind === "write") + 1);
  });

  test("leaves no table in either place until all contents are on the disk", async () => {
    const { makeOld, events } = await reinstallation();
    const disk = await makeOld();
    const tableWrites = 5;
    const writes = events.filter(({ kind }) => kind === "write");
    const wiped = 4;
    for (const [index, event] of writes.slice(0, -tableWrites).entries()) {
      await apply(disk, event);
      if (index < wiped) continue;
      await expect(readGpt(disk, 512)).rejects.toThrow("no partition table");
    }
  });

  test("holds when the disk reorders what was not synced", async () => {
    const { makeOld, events } = await reinstallation();
    const cuts = fc.record({ at: fc.nat(events.length), lost: fc.infiniteStream(fc.boolean()) });
    await fc.assert(
      fc.asyncProperty(cuts, async ({ at, lost }) => {
        const disk = await makeOld();
        const synced = events.slice(0, at).findLastIndex(({ kind }) => kind === "sync");
        let complete = true;
        for (const [index, event] of events.slice(0, at).entries()) {
          const isLost = index > synced && lost.next().value === true;
          if (isLost && event.kind === "write") complete = false;
          if (!isLost) await apply(disk, event);
        }
        const found = await outcome(disk);
        const isAll = complete && at >= events.findLastIndex(({ kind }) => kind === "write") + 1;
        if (found === "new") expect(isAll).toBeTrue();
        if (synced >= 0) expect(found).not.toBe("old");
      }),
      { numRuns: 25 },
    );
  }, 30_000);
});
