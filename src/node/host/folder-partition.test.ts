// Tests of the folder that stands for a data partition.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogTree } from "../../base/logtree/logtree.ts";
import type { DataLock } from "../storage/data.ts";
import { FolderError, folderPartition } from "./folder-partition.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "folder-partition-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const log = new LogTree().logger("root.storage");
const lock = (byte: number, protection: DataLock["protection"] = "authenticated"): DataLock => ({
  protection,
  passphrase: new Uint8Array(32).fill(byte),
});
const partition = () => folderPartition(join(root, "data"), join(root, "check"));

test("create makes the folder anew, for its owner only", async () => {
  await partition().create(lock(1), log);
  writeFileSync(join(root, "data", "old"), "");
  await partition().create(lock(1), log);
  expect(existsSync(join(root, "data", "old"))).toBe(false);
  expect(statSync(join(root, "data")).mode & 0o777).toBe(0o700);
});

test("open wants the key that the folder was made with", async () => {
  await partition().create(lock(1), log);
  await partition().open(lock(1));
  await expect(partition().open(lock(2))).rejects.toThrow(FolderError);
});

test("open fails where nothing was made", async () => {
  await expect(partition().open(lock(1))).rejects.toThrow("no key for it");
});

test("what was made without encryption opens without a key, and only so", async () => {
  await partition().create(lock(1, "insecure"), log);
  await partition().open(lock(2, "insecure"));
  await expect(partition().open(lock(1))).rejects.toThrow(FolderError);
});

test("release leaves everything as it is", async () => {
  await partition().create(lock(1), log);
  await partition().release();
  await partition().open(lock(1));
});

const passphrase = (byte: number) => lock(byte).passphrase;

test("addKey and keepKey change what opens, and last", async () => {
  await partition().create(lock(1), log);
  for (let i = 0; i < 2; i++) await partition().addKey(passphrase(1), passphrase(2));
  for (const key of [1, 2]) await partition().open(lock(key));
  expect(await partition().keepKey(passphrase(2))).toBe(1);
  expect(await partition().keepKey(passphrase(2))).toBe(0);
  await expect(partition().open(lock(1))).rejects.toThrow(FolderError);
  expect([await partition().opens(passphrase(1)), await partition().opens(passphrase(2))]).toEqual([
    false,
    true,
  ]);
});

test("addKey and keepKey want a key that opens", async () => {
  await partition().create(lock(1), log);
  await expect(partition().addKey(passphrase(2), passphrase(3))).rejects.toThrow(FolderError);
  await expect(partition().keepKey(passphrase(2))).rejects.toThrow(FolderError);
  await partition().open(lock(1));
});
