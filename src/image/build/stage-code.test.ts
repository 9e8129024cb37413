// What of a stage's code counts.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuildError } from "./stage.ts";
import { codeDigests } from "./stage-code.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stage-code-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The digest of a stage in two files. */
async function digest(stage: string, imported: string): Promise<string | undefined> {
  const path = join(folder, "stage.ts");
  writeFileSync(path, `import { word } from "./word.ts";\n${stage}`);
  writeFileSync(join(folder, "word.ts"), imported);
  return (await codeDigests([path])).get(path);
}

const stage = "export const make = () => word + 1;";
const imported = 'export const word = "a";';

test("codeDigests do not change with comments, layout and unused code", async () => {
  const before = await digest(stage, imported);
  expect(before).toHaveLength(64);
  const same = [
    await digest(`// Why.\n${stage}`, imported),
    await digest("export const make =\n  () => word\n    + 1;", imported),
    await digest(stage, `${imported}\nexport const unused = 7;`),
  ];
  expect(same).toEqual([before, before, before]);
});

test("codeDigests change with what the code does, also where it is imported", async () => {
  const all = [
    await digest(stage, imported),
    await digest("export const make = () => word + 2;", imported),
    await digest(stage, 'export const word = "b";'),
  ];
  expect(new Set(all).size).toBe(3);
});

test("codeDigests say which file does not bundle", async () => {
  await expect(digest("export const make = (", imported)).rejects.toThrow("stage.ts: does not");
  await expect(digest("export const make = (", imported)).rejects.toThrow(BuildError);
});
