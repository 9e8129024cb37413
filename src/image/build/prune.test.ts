// What is removed from the cache, and what never is.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pruneCache } from "./prune.ts";

const HOUR_MS = 60 * 60_000;
const now = Date.now();
let cache = "";
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "prune-"));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

/** Makes a folder that was used some hours ago. */
async function used(name: string, hours: number): Promise<string> {
  const time = new Date(now - hours * HOUR_MS);
  await mkdir(join(cache, name));
  await utimes(join(cache, name), time, time);
  return name;
}

const result = (stage: string, digit: number) => `${stage}-${String(digit).repeat(16)}`;

test("pruneCache keeps the last three results of each stage", async () => {
  for (let digit = 1; digit <= 5; digit += 1) await used(result("system", digit), digit * 24);
  await used(result("kernel", 1), 999);
  const gone = [result("system", 4), result("system", 5)];
  expect(await pruneCache(cache, ["system", "kernel"], now)).toEqual(gone);
  expect(await readdir(cache)).toHaveLength(4);
});

test("pruneCache keeps what was used within the hour, however much it is", async () => {
  for (let digit = 1; digit <= 5; digit += 1) await used(result("system", digit), digit / 10);
  expect(await pruneCache(cache, ["system"], now)).toEqual([]);
});

test("pruneCache removes drafts that a killed build has left", async () => {
  const left = await used(".kernel-abc123", 7);
  await used(".kernel-def456", 1);
  expect(await pruneCache(cache, ["kernel"], now)).toEqual([left]);
});

test("pruneCache touches nothing else", async () => {
  for (const name of ["debs", "keys", "out", "system-notes", "systemd-1111111111111111"]) {
    await used(name, 1000);
  }
  expect(await pruneCache(cache, ["system"], now)).toEqual([]);
});
