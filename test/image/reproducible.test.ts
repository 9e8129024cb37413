// The same inputs give the same bytes: everything of ours is built twice, in folders with other
// names and other caches. Third-party components are shared, as they are pinned by hash and the
// kernel alone would take eleven minutes.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256File } from "../../src/image/build/debian.ts";
import { cacheFolder } from "../../src/image/build/settings.ts";

const top = fileURLToPath(new URL("../..", import.meta.url));
const shared = cacheFolder(process.env);
const THIRD_PARTY = ["kernel", "packages", "host", "etcd"];
const OUTPUTS = [
  "metropolis",
  "system.img",
  "metropolis.efi",
  "systemd-boot.efi",
  "installer.efi",
  "bundle.zip",
];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "metropolis-twice-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a program to its end; its progress is for whoever watches the test. */
async function run(argv: readonly string[], cwd: string, env = {}): Promise<string> {
  const child = Bun.spawn([...argv], {
    cwd,
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return text;
}

/** A copy of the working tree as it is now, committed or not. */
async function copyCheckout(to: string): Promise<void> {
  const listed = await run(["git", "ls-files", "-z", "-co", "--exclude-standard"], top);
  for (const path of listed.split("\0").filter((name) => name !== "")) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    // A file may be deleted and the deletion not committed yet.
    await cp(join(top, path), join(to, path)).catch(() => undefined);
  }
  await cp(join(top, "node_modules"), join(to, "node_modules"), { recursive: true });
}

/** A cache that holds links to what is shared and nothing of ours. */
async function makeCache(cache: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const isShared = (name: string) => THIRD_PARTY.some((stage) => name.startsWith(`${stage}-`));
  const names = (await readdir(shared)).filter((name) => isShared(name) || name === "debs");
  for (const name of names) await symlink(join(shared, name), join(cache, name));
}

/** Builds a copy of the checkout with a cache of its own; gives the hash of each output. */
async function build(checkout: string): Promise<Readonly<Record<string, string>>> {
  const cache = `${checkout}-cache`;
  await makeCache(cache);
  const argv = [process.execPath, "build.ts", "--keys", join(shared, "keys"), "bundle"];
  await run(argv, checkout, { METROPOLIS_CACHE: cache });
  const hashes: Record<string, string> = {};
  for (const output of OUTPUTS) hashes[output] = await sha256File(join(cache, "out", output));
  return hashes;
}

test("build.ts gives the same bytes in two different folders", async () => {
  await run([process.execPath, "build.ts", ...THIRD_PARTY, "keys"], top);
  const folders = [join(folder, "a"), join(folder, "somewhere", "with a longer name")] as const;
  for (const checkout of folders) await copyCheckout(checkout);
  expect(await build(folders[1])).toEqual(await build(folders[0]));
});
