// Tests of the empty libraries' places. That tpm2 starts with its own, the build itself tries.
import { expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neededLibraries } from "../../base/format/elf.ts";
import { LIBRARIES } from "./select.ts";
import { emptyUnused, unusedLibraries } from "./unused-libraries.ts";

/** A tree of unpacked packages, as far as it matters here. */
function tree(): string {
  const root = mkdtempSync(join(tmpdir(), "unused-libraries-"));
  for (const folder of ["usr/bin", LIBRARIES]) mkdirSync(join(root, folder), { recursive: true });
  return root;
}

test("emptyUnused puts a library that needs no others in the place of Debian's link", async () => {
  const root = tree();
  for (const { program, name } of unusedLibraries) {
    writeFileSync(join(root, program), "");
    symlinkSync(`${name}.8.0`, join(root, LIBRARIES, name));
  }
  expect(await emptyUnused(root)).toEqual(unusedLibraries.map(({ program }) => program));
  for (const { name } of unusedLibraries) {
    const path = join(root, LIBRARIES, name);
    expect(lstatSync(path).isFile()).toBe(true);
    expect(neededLibraries(readFileSync(path))).toEqual([]);
  }
});

test("emptyUnused does nothing where the program is not", async () => {
  expect(await emptyUnused(tree())).toEqual([]);
});
