// What is left of processes that were killed, and what is somebody's still.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeAbandoned, temporaryName } from "./temporary-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "temporary-file-"));
  path = join(folder, "a.img");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** No process has a number as high as this. */
const GONE = 2 ** 30;

function left(name: string, ageMs = 3_600_000): void {
  writeFileSync(join(folder, name), "half");
  const time = (Date.now() - ageMs) / 1_000;
  utimesSync(join(folder, name), time, time);
}

test("removeAbandoned removes what a process left that is gone", () => {
  left(`a.img.${GONE}.tmp`);
  removeAbandoned(path);
  expect(readdirSync(folder)).toEqual([]);
});

test("removeAbandoned leaves alone what is written still, here or on another machine", () => {
  writeFileSync(temporaryName(path), "");
  utimesSync(temporaryName(path), 0, 0);
  left("a.img.1.tmp");
  left(`a.img.${GONE}.tmp`, 1_000);
  removeAbandoned(path);
  expect(readdirSync(folder)).toHaveLength(3);
});

test.each(["a.img", "b.img.1073741824.tmp", "a.img.tmp", "a.img.x1073741824.tmp", "a.img.part"])(
  "removeAbandoned leaves %s alone",
  (name) => {
    left(name);
    removeAbandoned(path);
    expect(readdirSync(folder)).toEqual([name]);
  },
);

test("removeAbandoned does nothing where there is no folder", () => {
  removeAbandoned(join(folder, "none", "a.img"));
});
