// Empty libraries are tried by the machine's own loader, which checks all that it uses of them.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neededLibraries } from "./elf.ts";
import { emptyLibrary } from "./elf-library.ts";

const library = { name: "libnothing.so.3", version: "NOTHING_1", functions: ["none", "nothing"] };

test("emptyLibrary is linked with nothing, and the same each time", () => {
  expect(neededLibraries(emptyLibrary(library))).toEqual([]);
  expect(emptyLibrary(library)).toEqual(emptyLibrary(library));
});

test("emptyLibrary has functions that give 0, and no others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "elf-library-"));
  try {
    const path = join(folder, library.name);
    writeFileSync(path, emptyLibrary(library));
    const program = (name: string) =>
      `const { dlopen } = require("bun:ffi");
       const none = { args: [], returns: "u64" };
       console.log(dlopen("${path}", { ${name}: none }).symbols.${name}());`;
    const call = (name: string) => Bun.spawnSync([process.execPath, "-e", program(name)]);
    for (const name of library.functions) expect(call(name).stdout.toString()).toBe("0n\n");
    expect(call("other").exitCode).not.toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
