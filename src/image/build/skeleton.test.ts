// The empty system that packages are put into.
import { expect, test } from "bun:test";
import { lstat, mkdtemp, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { osRelease, skeleton, writeEntries } from "./skeleton.ts";

test("skeleton has every folder before what lies in it", () => {
  const seen = new Set(["."]);
  for (const { path } of skeleton) {
    expect(seen).toContain(dirname(path));
    seen.add(path);
  }
});

test("skeleton has what the executable needs before /proc is mounted", () => {
  const maps = skeleton.find(({ path }) => path === "proc/self/maps");
  expect(maps?.kind === "file" && new TextDecoder().decode(maps.bytes)).toContain("[stack]");
  expect(skeleton).toContainEqual({ kind: "link", path: "proc/self/exe", target: "../../init" });
});

test("writeEntries writes them with the same rights whatever the umask is", async () => {
  const root = await mkdtemp(join(tmpdir(), "skeleton-"));
  const umask = process.umask(0o077);
  await writeEntries(root, skeleton);
  process.umask(umask);
  const mode = async (path: string) => (await lstat(join(root, path))).mode & 0o7777;
  expect(await mode("data")).toBe(0o755);
  expect(await mode("tmp")).toBe(0o1777);
  expect(await mode("proc/self/maps")).toBe(0o644);
  expect(await readlink(join(root, "etc/resolv.conf"))).toBe("../ephemeral/names/resolv.conf");
  await rm(root, { recursive: true });
});

test("osRelease names system and version in the form that os-release has", () => {
  expect(osRelease("1.2.3")).toBe(
    'NAME=Metropolis\nID=metropolis\nVERSION_ID=1.2.3\nPRETTY_NAME="Metropolis 1.2.3"\n',
  );
});
