// The verity table as the kernel's documentation lays it out.
import { expect, test } from "bun:test";
import { FormatError } from "./format.ts";
import { type VerityTable, verityCommandLine, verityTable } from "./verity.ts";

const example: VerityTable = {
  rootHash: "ab".repeat(32),
  salt: "cd".repeat(4),
  dataBlocks: 1000,
  partuuid: "00112233-4455-6677-8899-aabbccddeeff",
};

test("verityTable gives the kernel sectors, blocks and what to do with a bad one", () => {
  const partition = "PARTUUID=00112233-4455-6677-8899-aabbccddeeff";
  expect(verityTable(example)).toBe(
    `0 8000 verity 1 ${partition} ${partition} 4096 4096 1000 1000 ` +
      `sha256 ${"ab".repeat(32)} cdcdcdcd 1 panic_on_corruption`,
  );
});

test("verityTable writes no salt as a dash", () => {
  expect(verityTable({ ...example, salt: "" })).toContain(` ${example.rootHash} - 1 `);
});

test.each<[string, Partial<VerityTable>]>([
  ["a short root hash", { rootHash: "ab" }],
  ["quotes in the root hash", { rootHash: `"${"a".repeat(63)}` }],
  ["half a byte of salt", { salt: "abc" }],
  ["no blocks", { dataBlocks: 0 }],
  ["half a block", { dataBlocks: 1.5 }],
])("verityTable refuses %s", (_, change) => {
  expect(() => verityTable({ ...example, ...change })).toThrow(FormatError);
});

test("verityCommandLine waits for the partition and mounts the device", () => {
  const line = verityCommandLine(example);
  expect(line).toStartWith(`dm-mod.waitfor=PARTUUID=${example.partuuid} dm-mod.create="system,`);
  expect(line).toContain(",,,ro,0 8000 verity 1 ");
  expect(line).toEndWith('panic_on_corruption" root=/dev/dm-0');
});
