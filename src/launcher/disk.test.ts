// Disk images: sizes in words, holes that stay holes.
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copySparse, createDisk, parseSize } from "./disk.ts";

test.each([
  ["512M", 512 * 2 ** 20],
  ["4G", 4 * 2 ** 30],
  ["1T", 2 ** 40],
] as const)("parseSize reads %s", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "4", "4g", "4GiB", "-1G", "0G", "1.5G"])("parseSize refuses %p", (text) => {
  expect(() => parseSize(text)).toThrow("want a number");
});

test("createDisk takes no room, and never a disk's place", () => {
  const file = join(mkdtempSync(join(tmpdir(), "disk-")), "disk.img");
  createDisk(file, 2 ** 32);
  expect(statSync(file)).toMatchObject({ size: 2 ** 32, blocks: 0 });
  expect(() => createDisk(file, 2 ** 20)).toThrow("EEXIST");
});

test("copySparse copies content and holes, folders too", async () => {
  const folder = mkdtempSync(join(tmpdir(), "disk-"));
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  mkdirSync(from);
  createDisk(join(from, "disk.img"), 2 ** 30);
  writeFileSync(join(from, "vars.fd"), "variables");
  await copySparse(from, to);
  expect(readFileSync(join(to, "vars.fd"), "utf8")).toBe("variables");
  expect(statSync(join(to, "disk.img")).size).toBe(2 ** 30);
  expect(statSync(join(to, "disk.img")).blocks).toBe(0);
});
