// Paths made into directories with clusters: nothing overlaps, nothing is lost.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type ByteSource, bytesSource, readAll } from "./byte-source.ts";
import { type Fat32Options, FIRST_CLUSTER } from "./fat32-geometry.ts";
import { layOut, type Placed } from "./fat32-tree.ts";
import { FormatError } from "./format.ts";

const CLUSTER = 512;

const options: Fat32Options = {
  offset: 0,
  size: 1 << 26,
  sectorSize: 512,
  label: "METRO",
  volumeId: 1,
  modified: new Date("2026-11-23T05:40:11Z"),
};

function ofSize(size: number): ByteSource {
  return { size, stream: () => bytesSource(new Uint8Array(size)).stream() };
}

function place(sizes: Readonly<Record<string, number>>): readonly Placed[] {
  const files = Object.entries(sizes).map(([path, size]) => [path, ofSize(size)] as const);
  return layOut(Object.fromEntries(files), CLUSTER, options);
}

/** The entries of a directory, 32 bytes each. */
async function entries(placed: readonly Placed[], path: string): Promise<readonly Buffer[]> {
  const found = placed.find((one) => one.isDirectory && one.path === path);
  if (found === undefined) throw new FormatError(`no directory ${path}`);
  const bytes = Buffer.from(await readAll(found.source, path, 1 << 22));
  return Array.from({ length: bytes.length / 32 }, (_, at) =>
    bytes.subarray(at * 32, at * 32 + 32),
  );
}

/** The entry with this short name. */
async function entry(placed: readonly Placed[], path: string, short: string): Promise<Buffer> {
  const all = await entries(placed, path);
  const found = all.find((one) => one.toString("latin1", 0, 11) === short.padEnd(11));
  if (found === undefined) throw new FormatError(`no entry ${short}`);
  return found;
}

function clusterOf(one: Buffer): number {
  return one.readUInt16LE(20) * 65_536 + one.readUInt16LE(26);
}

const name = fc.constantFrom("a", "b", "EFI", "Linux", "metropolis-a+3.efi", "x.y.z");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((steps) => steps.join("/"));
const tree = fc.dictionary(path, fc.nat(3 * CLUSTER), { maxKeys: 12 });

/** Whether one path would have to be both a file and a directory. */
function collides(paths: readonly string[]): boolean {
  return paths.some((one) => paths.some((other) => other.startsWith(`${one}/`)));
}

test("layOut places every file once, or refuses trees that cannot be", () => {
  fc.assert(
    fc.property(tree, (sizes) => {
      const paths = Object.keys(sizes);
      if (collides(paths)) {
        expect(() => place(sizes)).toThrow(FormatError);
        return;
      }
      const files = place(sizes).filter(({ isDirectory }) => !isDirectory);
      expect(files.map((file) => file.path).sort()).toEqual(paths.sort());
    }),
  );
});

test("layOut gives clusters one behind the other, none twice", () => {
  fc.assert(
    fc.property(tree, (sizes) => {
      fc.pre(!collides(Object.keys(sizes)));
      let next = FIRST_CLUSTER;
      for (const { cluster, clusters, source } of place(sizes)) {
        expect(clusters).toBe(Math.ceil(source.size / CLUSTER));
        expect(cluster).toBe(clusters === 0 ? 0 : next);
        next += clusters;
      }
    }),
  );
});

test("layOut does not depend on the order of paths", () => {
  const sizes = { "b/c": 1, a: 600, "b/a/x": 0, z: 5 };
  const shape = (placed: readonly Placed[]) =>
    placed.map((one) => [one.path, one.cluster, one.clusters]);
  const reversed = Object.fromEntries(Object.entries(sizes).reverse());
  expect(shape(place(reversed))).toEqual(shape(place(sizes)));
});

test.each([
  ["a file, then a file in it", ["a", "a/b"]],
  ["a file, then a file two folders down in it", ["a", "a/b/c"]],
  ["a folder, then a file of its name", ["a/b", "a"]],
  ["a deep folder, then a file on the way to it", ["a/b/c/d", "a/b"]],
])("layOut refuses %s", (_, paths) => {
  const sizes = Object.fromEntries(paths.map((one) => [one, 1]));
  expect(() => place(sizes)).toThrow("is both a file and a directory");
});

test.each(["", "/a", "a/", "a//b", "a/../b", "./a", "a:b", "x?"])(
  "layOut refuses the path %p",
  (bad) => {
    expect(() => place({ [bad]: 1 })).toThrow(FormatError);
  },
);

test("layOut refuses names that differ in case only", () => {
  expect(() => place({ "EFI/boot": 1, "EFI/BOOT": 1 })).toThrow("FAT ignores case");
});

test("layOut takes the largest file that FAT32 can hold, and no larger one", () => {
  const huge = (size: number) => layOut({ "a.img": ofSizeOnly(size) }, 32_768, options);
  expect(huge(0xffffffff).at(-1)?.clusters).toBe(131_072);
  expect(() => huge(0x100000000)).toThrow("too many for a file on FAT32");
});

function ofSizeOnly(size: number): ByteSource {
  return { size, stream: () => bytesSource(new Uint8Array()).stream() };
}

test("layOut refuses a folder with more entries than the format knows", () => {
  const many = Object.fromEntries(Array.from({ length: 65_536 }, (_, at) => [`d/F${at}`, 0]));
  expect(() => place(many)).toThrow("directory d has too many files");
});

test("the root begins with the volume's label, other folders with themselves and their parent", async () => {
  const placed = place({ "A/B/C": 1 });
  const [label] = await entries(placed, "");
  expect(label?.toString("latin1", 0, 12)).toBe("METRO      \x08");
  const [self, parent] = await entries(placed, "A/B");
  const at = (wanted: string) => placed.find((one) => one.path === wanted)?.cluster ?? -1;
  expect(self && clusterOf(self)).toBe(at("A/B"));
  expect(parent && clusterOf(parent)).toBe(at("A"));
});

test("a folder in the root names its parent 0", async () => {
  const parent = await entry(place({ "A/B": 1 }), "A", "..");
  expect(clusterOf(parent)).toBe(0);
});

test("entries hold size, place and time of a file", async () => {
  const placed = place({ A: CLUSTER, B: CLUSTER + 1, C: 0 });
  const [a, b, c] = await Promise.all(["A", "B", "C"].map((one) => entry(placed, "", one)));
  expect(a?.readUInt32LE(28)).toBe(CLUSTER);
  expect(b && a && clusterOf(b) - clusterOf(a)).toBe(1);
  expect(c && [clusterOf(c), c.readUInt32LE(28)]).toEqual([0, 0]);
  // 2026-11-23, 05:40:10: seconds are counted in twos.
  expect(a?.readUInt16LE(24)).toBe((46 << 9) | (11 << 5) | 23);
  expect(a?.readUInt16LE(22)).toBe((5 << 11) | (40 << 5) | 5);
});

test.each(["1979-12-31T23:59:59Z", "2108-01-01T00:00:00Z", "never"])(
  "layOut refuses the time %s, which FAT cannot say",
  (time) => {
    const changed = { ...options, modified: new Date(time) };
    expect(() => layOut({ A: ofSize(1) }, CLUSTER, changed)).toThrow("FAT has no way to say");
  },
);
