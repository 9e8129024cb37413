// Secure Boot keys: made once, private, and signing the same way each time.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peDigest } from "../../base/format/authenticode.ts";
import { tinyPe } from "../../base/format/test-pe.ts";
import { keysStage, signFile } from "./keys.ts";
import { testSettings } from "./test-settings.ts";

let cache = "";
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "keys-"));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

test("keysStage makes keys once, for nobody else to read", async () => {
  const settings = testSettings(cache);
  const first = await keysStage(settings).inputs();
  const names = ["KEK.crt", "KEK.key", "PK.crt", "PK.key", "db.crt", "db.key", "policy.key"];
  expect((await readdir(settings.keys)).toSorted()).toEqual(names);
  expect((await stat(join(settings.keys, "db.key"))).mode & 0o777).toBe(0o600);
  expect((await stat(settings.keys)).mode & 0o777).toBe(0o700);
  expect(await keysStage(settings).inputs()).toEqual(first);
});

test("keysStage does not add keys to a folder that holds others", async () => {
  const settings = testSettings(cache);
  await mkdir(settings.keys);
  await writeFile(join(settings.keys, "db.key"), "mine");
  await expect(keysStage(settings).inputs()).rejects.toThrow("PK.key, PK.crt");
  expect(await readFile(join(settings.keys, "db.key"), "utf8")).toBe("mine");
});

test("keysStage makes a policy key in the build's own folder, and never in the operator's", async () => {
  const settings = testSettings(cache);
  await keysStage(settings).inputs();
  await rm(join(settings.keys, "policy.key"));
  await expect(keysStage(settings).inputs()).rejects.toThrow("openssl genpkey");
  await keysStage({ ...settings, cache }).inputs();
  expect(await readdir(settings.keys)).toContain("policy.key");
});

test("signFile signs with the db key, the same each time", async () => {
  const settings = testSettings(cache);
  await keysStage(settings).inputs();
  const program = tinyPe(new Uint8Array(100).fill(1));
  const signed = await signFile(settings.keys, program);
  expect(peDigest(signed)).toEqual(peDigest(program));
  expect(await signFile(settings.keys, program)).toEqual(signed);
});
