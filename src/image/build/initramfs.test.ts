// The installer's initramfs: what it holds, and that it is always the same.
import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installerArchive } from "./initramfs.ts";

/** A root with the loader and the libraries that the executable has, all empty of code. */
async function fakeRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "initramfs-"));
  const libraries = join(root, "usr/lib/x86_64-linux-gnu");
  await mkdir(libraries, { recursive: true });
  await mkdir(join(root, "usr/lib64"));
  const names = ["c.so.6", "dl.so.2", "m.so.6", "pthread.so.0"].map((name) => `lib${name}`);
  for (const name of [...names, "ld-linux-x86-64.so.2"])
    await writeFile(join(libraries, name), name);
  await symlink(
    "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    join(root, "usr/lib64/ld-linux-x86-64.so.2"),
  );
  await writeFile(join(root, "metropolis"), "the executable");
  return root;
}

test("installerArchive holds the executable as /init, its libraries and a console", async () => {
  const root = await fakeRoot();
  const archive = await installerArchive(root, join(root, "metropolis"));
  const text = new TextDecoder("latin1").decode(await Bun.zstdDecompress(archive));
  const names = [
    "init\0",
    "dev/console\0",
    "usr/lib64/ld-linux-x86-64.so.2\0",
    "libpthread.so.0\0",
  ];
  for (const name of names) expect(text).toContain(name);
  expect(text).toContain("the executable");
  await rm(root, { recursive: true });
});

test("installerArchive gives the same bytes for the same files", async () => {
  const root = await fakeRoot();
  const make = () => installerArchive(root, join(root, "metropolis"));
  expect(await make()).toEqual(await make());
  await rm(root, { recursive: true });
});
