// Reading files that may have been cut off at any byte.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readJson } from "./json-file.ts";

test("readJson bears a file cut off anywhere", () => {
  const folder = mkdtempSync(join(tmpdir(), "json-"));
  const file = join(folder, "state.json");
  const text = '{"pid":12,"name":"a\\u0000ä"}';
  const whole = new TextEncoder().encode(text);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length));
    expect(readJson(file)).toBeUndefined();
  }
  writeFileSync(file, whole);
  expect(readJson(file)).toEqual({ pid: 12, name: "a\u0000ä" });
  rmSync(folder, { recursive: true });
});

test("readJson finds nothing where no file is, and fails where it may not look", () => {
  expect(readJson("/nonexistent/state.json")).toBeUndefined();
  expect(() => readJson("/")).toThrow("EISDIR");
});
