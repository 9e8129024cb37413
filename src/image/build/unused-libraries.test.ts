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

/** A tree with the programs, and links in the libraries' places as Debian has them. */
function treeOfPrograms(): string {
  const root = tree();
  for (const { program, name } of unusedLibraries) {
    writeFileSync(join(root, program), "");
    symlinkSync(`${name}.8.0`, join(root, LIBRARIES, name));
  }
  return root;
}

test("emptyUnused puts a library that needs no others in the place of Debian's link", async () => {
  const root = treeOfPrograms();
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

test("emptyUnused makes the same bytes in two folders, with functions that give 0 and no others", async () => {
  const roots = [treeOfPrograms(), treeOfPrograms()];
  for (const root of roots) await emptyUnused(root);
  for (const { name, functions } of unusedLibraries) {
    const [path = "", other = ""] = roots.map((root) => join(root, LIBRARIES, name));
    expect(readFileSync(path).equals(readFileSync(other))).toBe(true);
    const program = (symbol: string) =>
      `const { dlopen } = require("bun:ffi");
       const none = { args: [], returns: "u64" };
       console.log(dlopen("${path}", { ${symbol}: none }).symbols.${symbol}());`;
    const call = (symbol: string) => Bun.spawnSync([process.execPath, "-e", program(symbol)]);
    for (const symbol of functions) expect(call(symbol).stdout.toString()).toBe("0n\n");
    expect(call("other").exitCode).not.toBe(0);
  }
});
