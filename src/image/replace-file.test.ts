// That a file's name never stands for half of it, whatever fails.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replaceFile } from "./replace-file.ts";

let folder = "";
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "replace-file-"));
  path = join(folder, "file");
  await writeFile(path, "old");
});
afterEach(() => rm(folder, { recursive: true }));

const fresh = new TextEncoder().encode("new");

test("replaceFile puts the new file in the old one's place", async () => {
  await replaceFile(path, { size: 3 }, (device) => device.write(0, fresh));
  expect(await readFile(path, "utf8")).toBe("new");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("replaceFile leaves the old file when writing fails", async () => {
  const replacing = replaceFile(path, { size: 2 }, (device) => device.write(0, fresh));
  await expect(replacing).rejects.toThrow("outside");
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("replaceFile removes what was left when it was killed", async () => {
  const left = `${path}.${2 ** 30}.tmp`;
  await writeFile(left, "half");
  await utimes(left, 0, 0);
  await replaceFile(path, { size: 3 }, (device) => device.write(0, fresh));
  expect(await readdir(folder)).toEqual(["file"]);
});

test("replaceFile checks the new file while the old one is still there", async () => {
  const write = (device: { write(at: number, bytes: Uint8Array): Promise<void> }) =>
    device.write(0, fresh);
  const check = async (temporary: string) => {
    expect(await readFile(temporary, "utf8")).toBe("new");
    expect(await readFile(path, "utf8")).toBe("old");
    throw new Error("not good");
  };
  await expect(replaceFile(path, { size: 3 }, write, check)).rejects.toThrow("not good");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("replaceFile makes way for what a crash left behind", async () => {
  await writeFile(`${path}.${process.pid}.tmp`, "half");
  await replaceFile(path, { size: 3 }, (device) => device.write(0, fresh));
  expect(await readdir(folder)).toEqual(["file"]);
});
