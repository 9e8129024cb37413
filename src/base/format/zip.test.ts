// Reading archives of others, and refusing what is not safe.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { zipSync } from "fflate";
import { memoryDevice } from "./block-device.ts";
import { bytesSource, readAll } from "./byte-source.ts";
import { FormatError } from "./format.ts";
import { openZip } from "./zip.ts";
import { writeZip, zipSize } from "./zip-writer.ts";

const encoder = new TextEncoder();
const long = encoder.encode("metropolis ".repeat(10_000));

/** An archive by another implementation, with a deflated entry. */
const foreign = zipSync({
  "manifest.json": [encoder.encode("{}"), { level: 0 }],
  "folder/long.txt": long,
});

async function archive(names: readonly string[], content = "content"): Promise<Uint8Array> {
  const inputs = names.map((name) => ({ name, source: bytesSource(encoder.encode(content)) }));
  const device = memoryDevice(zipSize(inputs));
  await writeZip(device, inputs);
  return device.read(0, device.size);
}

function openBytes(bytes: Uint8Array) {
  return openZip(memoryDevice(bytes.length, bytes));
}

async function readEverything(bytes: Uint8Array): Promise<void> {
  const zip = await openBytes(bytes);
  for (const { name } of zip.entries) await readAll(zip.source(name), name, 1 << 22);
}

/** A copy with the bytes at the last occurrence of a signature, plus an offset, replaced. */
function patch(bytes: Uint8Array, signature: string, at: number, ...values: number[]) {
  const copy = Buffer.from(bytes);
  copy.set(values, copy.lastIndexOf(Buffer.from(signature, "latin1")) + at);
  return new Uint8Array(copy);
}

const LISTED = "PK\x01\x02";
const END = "PK\x05\x06";

test("openZip lists and reads what another implementation wrote", async () => {
  const zip = await openBytes(foreign);
  expect(zip.entries).toEqual([
    { name: "manifest.json", size: 2 },
    { name: "folder/long.txt", size: long.length },
  ]);
  expect(await readAll(zip.source("folder/long.txt"), "long", 1e6)).toEqual(long);
});

test("openZip reads an archive with a comment", async () => {
  const commented = new Uint8Array(Buffer.concat([await archive(["a"]), encoder.encode("PK!")]));
  const zip = await openBytes(patch(commented, END, 20, 3, 0));
  expect(zip.entries.map(({ name }) => name)).toEqual(["a"]);
});

test("openZip streams an entry twice", async () => {
  const zip = await openBytes(foreign);
  const source = zip.source("manifest.json");
  expect(await readAll(source, "m", 10)).toEqual(await readAll(source, "m", 10));
});

test("openZip names a file that is not there", async () => {
  const zip = await openBytes(foreign);
  expect(() => zip.source("x")).toThrow("x: not in the archive");
});

describe("openZip refuses", () => {
  test.each(["../a", "a/../b", "/a", "a//b", "./a", "a\\b", "a\0"])("the name %p", async (name) => {
    await expect(archive([name]).then(openBytes)).rejects.toThrow("is not safe");
  });

  test("a name listed twice", async () => {
    const bytes = patch(await archive(["aa", "bb"]), LISTED, 46, 0x61, 0x61);
    await expect(openBytes(bytes)).rejects.toThrow("aa: is listed twice");
  });

  test("entries that overlap", async () => {
    const bytes = patch(await archive(["a", "b"]), LISTED, 42, 0, 0, 0, 0);
    await expect(openBytes(bytes)).rejects.toThrow("overlaps another entry");
  });

  test("an entry outside of the archive", async () => {
    const bytes = patch(await archive(["a"]), LISTED, 42, 0, 0, 1, 0);
    await expect(openBytes(bytes)).rejects.toThrow("a: is outside the archive");
  });

  test("an entry that reaches into the list", async () => {
    const larger = patch(await archive(["a"]), LISTED, 20, 0xff, 0, 0, 0, 0xff, 0, 0, 0);
    await expect(openBytes(larger)).rejects.toThrow("a: reaches into the list");
  });

  test("an encrypted entry", async () => {
    const bytes = patch(await archive(["a"]), LISTED, 8, 1);
    await expect(openBytes(bytes)).rejects.toThrow("a: is encrypted");
  });

  test("a compression it does not know", async () => {
    const bytes = patch(await archive(["a"]), LISTED, 10, 14);
    await expect(openBytes(bytes)).rejects.toThrow("a: is compressed by unknown method 14");
  });

  test("more than one part", async () => {
    await expect(openBytes(patch(foreign, END, 4, 1))).rejects.toThrow("several parts");
  });

  test("a name that is not UTF-8", async () => {
    const bytes = patch(await archive(["a"]), LISTED, 46, 0xff);
    await expect(openBytes(bytes)).rejects.toThrow("not UTF-8");
  });

  test("what is no archive", async () => {
    await expect(openBytes(new Uint8Array())).rejects.toThrow("not a zip archive");
    await expect(openBytes(long)).rejects.toThrow("not a zip archive");
  });
});

test("openZip notices changed content when it is read", async () => {
  const bytes = await archive(["a"]);
  bytes[31] = 0x21;
  await expect(readEverything(bytes)).rejects.toThrow("a: checksum is wrong");
});

test("openZip stops at a compressed entry that unpacks to more than listed", async () => {
  const bytes = patch(foreign, LISTED, 24, 10, 0, 0, 0);
  await expect(readEverything(bytes)).rejects.toThrow("is not as long as listed");
});

test("openZip reads or throws a FormatError for any damage", async () => {
  const samples = [foreign, await archive(["a", "b/c"])];
  const damage = fc.array(fc.tuple(fc.nat(foreign.length), fc.nat(255)), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...samples),
      damage,
      fc.nat(300),
      async (bytes, changes, cut) => {
        const copy = bytes.slice(0, bytes.length - (cut > 200 ? cut - 200 : 0));
        for (const [at, value] of changes) copy[at % copy.length] = value;
        await readEverything(copy).catch((error: unknown) => {
          if (!(error instanceof FormatError)) throw error;
        });
      },
    ),
    { numRuns: 500 },
  );
});
