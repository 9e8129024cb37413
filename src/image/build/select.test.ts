// Files picked out of a tree, with all that they cannot do without.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selectFiles } from "./select.ts";

const LIBRARIES = "usr/lib/x86_64-linux-gnu";
let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "select-"));
  await mkdir(join(root, LIBRARIES), { recursive: true });
  await mkdir(join(root, "usr/bin"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const paths = async (...globs: readonly string[]) =>
  (await selectFiles(root, globs)).map(({ path }) => path);

test("selectFiles takes what globs name, links with what they point at", async () => {
  await writeFile(join(root, "usr/bin/tpm2"), "a program");
  await symlink("tpm2", join(root, "usr/bin/tpm2_unseal"));
  await writeFile(join(root, "usr/bin/other"), "");
  expect(await selectFiles(root, ["usr/bin/tpm2_*"])).toEqual([
    { path: "usr/bin/tpm2" },
    { path: "usr/bin/tpm2_unseal", target: "tpm2" },
  ]);
});

test("selectFiles follows absolute links inside the root", async () => {
  await writeFile(join(root, "usr/bin/real"), "");
  await symlink("/usr/bin/real", join(root, "usr/bin/alias"));
  expect(await paths("usr/bin/alias")).toEqual(["usr/bin/alias", "usr/bin/real"]);
});

test("selectFiles brings the libraries that a program is linked with", async () => {
  await cp("/usr/bin/env", join(root, "usr/bin/env"));
  await writeFile(join(root, LIBRARIES, "libc.so.6"), "the library");
  expect(await paths("usr/bin/env")).toEqual(["usr/bin/env", `${LIBRARIES}/libc.so.6`]);
});

test("selectFiles fails when a library is missing, as the program would on a node", async () => {
  await cp("/usr/bin/env", join(root, "usr/bin/env"));
  await expect(selectFiles(root, ["usr/bin/env"])).rejects.toThrow("libc.so.6");
});

test("selectFiles fails when a glob finds nothing", async () => {
  await expect(selectFiles(root, ["usr/sbin/gone*"])).rejects.toThrow(
    "no package has usr/sbin/gone*",
  );
});
