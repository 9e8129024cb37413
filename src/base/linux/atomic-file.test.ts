// Tests of atomic file changes.
import { expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  eraseFile,
  removeFileAtomic,
  renameAtomic,
  replaceFileErased,
  TEMPORARY_SUFFIX,
  writeFileAtomic,
} from "./atomic-file.ts";

const folder = () => mkdtempSync(join(tmpdir(), "metropolis-atomic-"));

test("writeFileAtomic writes with the mode and leaves nothing beside the file", async () => {
  const home = folder();
  await writeFileAtomic(join(home, "key"), new Uint8Array([1, 2, 3]), 0o400);
  expect([...readFileSync(join(home, "key"))]).toEqual([1, 2, 3]);
  expect(statSync(join(home, "key")).mode & 0o777).toBe(0o400);
  expect(readdirSync(home)).toEqual(["key"]);
});

test("writeFileAtomic replaces an old file and the leftover of a power cut", async () => {
  const path = join(folder(), "file");
  writeFileSync(path, "old and longer");
  writeFileSync(path + TEMPORARY_SUFFIX, "half", { mode: 0o666 });
  await writeFileAtomic(path, "new");
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("writeFileAtomic leaves the old file when it cannot write", async () => {
  const home = folder();
  await expect(writeFileAtomic(join(home, "no/such/folder"), "x")).rejects.toThrow("ENOENT");
  expect(readdirSync(home)).toEqual([]);
});

test("removeFileAtomic removes a file, and is content without one", async () => {
  const path = join(folder(), "file");
  writeFileSync(path, "x");
  await removeFileAtomic(path);
  await removeFileAtomic(path);
  expect(existsSync(path)).toBe(false);
});

test("renameAtomic moves a file, over another one too", async () => {
  const home = folder();
  writeFileSync(join(home, "from"), "new");
  writeFileSync(join(home, "to"), "old");
  await renameAtomic(join(home, "from"), join(home, "to"));
  expect(readdirSync(home)).toEqual(["to"]);
  expect(readFileSync(join(home, "to"), "utf8")).toBe("new");
});

/** A file with something secret, and another name for what it holds. */
function secret() {
  const home = folder();
  const [path, witness] = [join(home, "secret"), join(home, "witness")];
  writeFileSync(path, "secret");
  linkSync(path, witness);
  return { path, left: () => readFileSync(witness) };
}

test("eraseFile leaves neither name nor bytes", async () => {
  const { path, left } = secret();
  await eraseFile(path);
  expect(existsSync(path)).toBe(false);
  expect(left()).toEqual(Buffer.alloc(6));
  await eraseFile(path);
});

test("replaceFileErased leaves the new bytes, and not the old ones", async () => {
  const { path, left } = secret();
  await replaceFileErased(path, new TextEncoder().encode("new"));
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(left()).toEqual(Buffer.alloc(6));
  const fresh = join(folder(), "fresh");
  await replaceFileErased(fresh, new Uint8Array([1]));
  expect([...readFileSync(fresh)]).toEqual([1]);
});
