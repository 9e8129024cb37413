// Tests of what a context remembers of backups.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContextFolder, contextFiles } from "./context.ts";
import { isOlder, newestBackup, saveNewestBackup } from "./newest-backup.ts";

let config = "";
let context: ContextFolder;
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "newest-"));
  context = new ContextFolder(config, "demo");
});
afterEach(() => rmSync(config, { recursive: true }));

const known = { time: new Date("2026-11-23T10:00:00Z"), revision: 100n };

test("newestBackup gives what was saved, whatever came before", () => {
  expect(newestBackup(context)).toBeUndefined();
  saveNewestBackup(context, { ...known, revision: 200n });
  saveNewestBackup(context, known);
  expect(newestBackup(context)).toEqual(known);
});

test.each([
  "",
  "[]",
  "{}",
  '{"time":"soon","revision":"1"}',
  '{"time":"2026-11-23","revision":"x"}',
])("newestBackup knows nothing where the file says %p", (text) => {
  context.write(contextFiles.newestBackup, text, 0o644);
  expect(newestBackup(context)).toBeUndefined();
});

test.each([
  ["the same", "2026-11-23T10:00:00Z", 100n, false],
  ["a newer one", "2026-11-23T10:00:01Z", 101n, false],
  ["one of before", "2026-11-23T09:59:59Z", 99n, true],
  ["one of a clock that went ahead", "2036-11-23T10:00:00Z", 99n, true],
  ["one of a clock that went back", "2016-11-23T10:00:00Z", 101n, true],
] as const)("isOlder of %s", (_, time, revision, expected) => {
  expect(isOlder({ time: new Date(time), revision }, known)).toBe(expected);
});
