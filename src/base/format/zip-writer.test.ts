// Archives judged by unzip and fflate, with one past 4 GiB.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { type BlockDevice, fileDevice, memoryDevice } from "./block-device.ts";
import { type ByteSource, bytesSource, readAll } from "./byte-source.ts";
import { openZip } from "./zip.ts";
import { writeZip, zipSize } from "./zip-writer.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "zip-writer-"));
});
afterAll(() => rm(folder, { recursive: true }));

const encoder = new TextEncoder();
const inputs = [
  { name: "manifest.json", source: bytesSource(encoder.encode("{}")) },
  { name: "ü/system.img", source: bytesSource(new Uint8Array(100_000).fill(7)) },
  { name: "empty", source: bytesSource(new Uint8Array()) },
];

/** A device that keeps only what is not content, so that gigabytes cost nothing. */
function hollowDevice(size: number): BlockDevice {
  const kept = new Map<number, Uint8Array>();
  return {
    size,
    async write(offset, bytes) {
      if (bytes.length < 1 << 20) kept.set(offset, bytes.slice());
    },
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      for (const [at, part] of kept) {
        const from = Math.max(at, offset);
        const to = Math.min(at + part.length, offset + length);
        if (from < to) bytes.set(part.subarray(from - at, to - at), from - offset);
      }
      return bytes;
    },
    async sync() {},
  };
}

function zeros(size: number): ByteSource {
  const chunk = new Uint8Array(64 << 20);
  return {
    size,
    async *stream() {
      for (let done = 0; done < size; done += chunk.length) {
        yield chunk.subarray(0, Math.min(chunk.length, size - done));
      }
    },
  };
}

test("writeZip makes an archive that unzip finds nothing wrong with", async () => {
  const path = join(folder, "a.zip");
  await using device = await fileDevice(path, { mode: "create", size: zipSize(inputs) });
  await writeZip(device, inputs);
  const { stdout, exitCode } = Bun.spawnSync(["unzip", "-tv", path]);
  expect(stdout.toString()).toContain("No errors detected");
  expect(exitCode).toBe(0);
});

test("writeZip makes an archive that another implementation reads", async () => {
  const device = memoryDevice(zipSize(inputs));
  await writeZip(device, inputs);
  const files = unzipSync(await device.read(0, device.size));
  expect(Object.keys(files)).toEqual(inputs.map(({ name }) => name));
  expect(files["ü/system.img"]?.length).toBe(100_000);
});

test("writeZip gives the same bytes each time and reports its progress", async () => {
  const [one, two] = [memoryDevice(zipSize(inputs)), memoryDevice(zipSize(inputs))];
  const seen: number[] = [];
  await writeZip(one, inputs, (chunk) => seen.push(chunk.length));
  await writeZip(two, inputs);
  expect(await one.read(0, one.size)).toEqual(await two.read(0, two.size));
  expect(seen).toEqual([2, 100_000]);
});

test("writeZip refuses two files of one name", async () => {
  const double = [inputs[0], inputs[0]].filter((input) => input !== undefined);
  await expect(writeZip(memoryDevice(1000), double)).rejects.toThrow("same name");
});

test("writeZip and openZip agree on files past 4 GiB", async () => {
  const large = [
    { name: "large", source: zeros(2 ** 32 + 5) },
    { name: "after", source: bytesSource(encoder.encode("still here")) },
  ];
  const device = hollowDevice(zipSize(large));
  await writeZip(device, large);
  const zip = await openZip(device);
  expect(zip.entries).toEqual([
    { name: "large", size: 2 ** 32 + 5 },
    { name: "after", size: 10 },
  ]);
  expect(await readAll(zip.source("after"), "after", 10)).toEqual(encoder.encode("still here"));
});
