// File systems judged by fsck.fat and mtools.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlockDevice, fileDevice, memoryDevice } from "./block-device.ts";
import { type ByteSource, bytesSource } from "./byte-source.ts";
import { type Fat32Options, type FatFiles, writeFat32 } from "./fat32.ts";
import { FormatError } from "./format.ts";
import type { SectorSize } from "./gpt.ts";

const MIB = 1 << 20;

const options: Fat32Options = {
  offset: 0,
  size: 40 * MIB,
  sectorSize: 512,
  label: "METRO_TEST",
  volumeId: 0x1234abcd,
  modified: new Date("2026-11-23T05:40:10Z"),
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fat32-"));
});
afterAll(() => rm(folder, { recursive: true }));

function text(content: string): ByteSource {
  return bytesSource(new TextEncoder().encode(content));
}

/** Content too large for memory to be nice about, made on the fly. */
function pattern(size: number): ByteSource {
  return {
    size,
    async *stream() {
      for (let done = 0; done < size; done += MIB) {
        yield new Uint8Array(Math.min(MIB, size - done)).fill(done / MIB);
      }
    },
  };
}

const files: FatFiles = {
  "EFI/BOOT/BOOTX64.EFI": pattern(3 * MIB + 17),
  "EFI/Linux/metropolis-a+3.efi": text("kernel"),
  "loader/loader.conf": text("timeout 0\n"),
  "metropolis/empty file with a rather long name.pb": text(""),
};

async function image(name: string, given: Partial<Fat32Options>, content = files) {
  const path = join(folder, name);
  const all = { ...options, ...given };
  await using device = await fileDevice(path, { mode: "create", size: all.offset + all.size });
  await writeFat32(device, all, content);
  return path;
}

function run(...argv: string[]) {
  const { stdout, exitCode } = Bun.spawnSync(argv, { env: { ...process.env, TZ: "UTC" } });
  return { output: stdout.toString(), exitCode };
}

describe("writeFat32", () => {
  test.each<[number, SectorSize]>([
    [34, 512],
    [260, 512],
    [261, 512],
    [512, 4096],
  ])("makes a volume of %p MiB that fsck finds nothing wrong with", async (mib, sectorSize) => {
    const path = await image(`fsck-${mib}`, { size: mib * MIB, sectorSize });
    const { output, exitCode } = run("fsck.fat", "-n", "-v", path);
    expect(output).toContain("10 files");
    expect(exitCode).toBe(0);
  });

  test("makes files that another implementation reads back", async () => {
    const path = await image("mtools", {});
    const listing = run("mdir", "-i", path, "-/", "-b", "::").output.trim().split("\n");
    expect(listing.toSorted()).toEqual([
      "::/EFI/",
      "::/EFI/BOOT/",
      "::/EFI/BOOT/BOOTX64.EFI",
      "::/EFI/Linux/",
      "::/EFI/Linux/metropolis-a+3.efi",
      "::/loader/",
      "::/loader/loader.conf",
      "::/metropolis/",
      "::/metropolis/empty file with a rather long name.pb",
    ]);
    expect(run("mtype", "-i", path, "::/loader/loader.conf").output).toBe("timeout 0\n");
    const copy = join(folder, "copy");
    run("mcopy", "-i", path, "::/EFI/BOOT/BOOTX64.EFI", copy);
    const bytes = await Bun.file(copy).bytes();
    expect(bytes.length).toBe(3 * MIB + 17);
    expect([bytes[MIB - 1], bytes[MIB], bytes.at(-1)]).toEqual([0, 1, 3]);
  });

  test("shows label, serial number and time", async () => {
    const path = await image("label", {});
    const { output } = run("mdir", "-i", path, "::");
    expect(output).toContain("Volume in drive : is METRO_TEST");
    expect(output).toContain("Serial Number is 1234-ABCD");
    expect(output).toMatch(/EFI\s+<DIR>\s+2026-11-23\s+5:40/);
  });

  test("leaves what is around it alone and nothing old inside its files", async () => {
    const offset = MIB;
    const old = new Uint8Array(offset + options.size + MIB).fill(0xee);
    const device = memoryDevice(old.length, old);
    await writeFat32(device, { ...options, offset }, files);
    expect(old.subarray(0, offset).every((byte) => byte === 0xee)).toBeTrue();
    expect(old.subarray(-MIB).every((byte) => byte === 0xee)).toBeTrue();
    const path = join(folder, "reused");
    await Bun.write(path, old.subarray(offset, offset + options.size));
    expect(run("fsck.fat", "-n", path).exitCode).toBe(0);
  });

  test("gives the same bytes whatever the order of files", async () => {
    const reversed = Object.fromEntries(Object.entries(files).reverse());
    const one = await Bun.file(await image("order-1", {})).bytes();
    const two = await Bun.file(await image("order-2", {}, reversed)).bytes();
    expect(Bun.hash(one)).toBe(Bun.hash(two));
  });

  test("reports how much of the files is written", async () => {
    const seen: number[] = [];
    await writeFat32(memoryDevice(options.size), options, files, (done) => seen.push(done));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(3 * MIB + 17 + "kernel".length + "timeout 0\n".length);
  });

  test("spreads a large directory over clusters", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 700 }, (_, index) => [`many/long file name ${index}`, text("x")]),
    );
    const path = await image("many", {}, many);
    expect(run("fsck.fat", "-n", "-v", path).output).toContain("702 files");
  });

  test.each<[string, Partial<Fat32Options>, FatFiles, string]>([
    ["too small a volume", { size: 30 * MIB }, {}, "too few for FAT32"],
    ["more than fits", {}, { big: pattern(40 * MIB) }, "files need"],
    ["a file of 4 GiB", {}, { big: pattern(2 ** 32) }, "too many for a file"],
    ["a bad label", { label: "lower" }, {}, "volume label"],
    ["a time before FAT", { modified: new Date(0) }, {}, "year 1970"],
    ["a file that is a directory", {}, { a: text(""), "a/b": text("") }, "both a file"],
    ["a directory that is a file", {}, { "a/b": text(""), a: text("") }, "both a file"],
    ["a path that climbs", {}, { "../a": text("") }, "cannot be on FAT"],
    ["an absolute path", {}, { "/a": text("") }, "cannot be on FAT"],
  ])("refuses %s before it writes", async (_, given, content, reason) => {
    let writes = 0;
    const device: BlockDevice = {
      ...memoryDevice(0),
      size: options.size,
      write: async () => void writes++,
    };
    const writing = writeFat32(device, { ...options, ...given }, content);
    await expect(writing).rejects.toThrow(reason);
    expect(writes).toBe(0);
  });

  test("refuses a file that shrank since it was measured", async () => {
    const lying = { ...text("abc"), size: 4 };
    const writing = writeFat32(memoryDevice(options.size), options, { "a.txt": lying });
    await expect(writing).rejects.toThrow(FormatError);
  });
});
