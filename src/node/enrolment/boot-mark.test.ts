// Tests of marking the running system as good.
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { markBootGood, renaming } from "./boot-mark.ts";

test.each([
  [["metropolis-a+2-1.efi", "metropolis-b+3.efi"], "a", "metropolis-a+2-1.efi"],
  [["metropolis-a.efi", "metropolis-b+3.efi"], "b", "metropolis-b+3.efi"],
  [["metropolis-a.efi", "metropolis-b+3.efi"], "a", undefined],
  [["other+3.efi"], "a", undefined],
] as const)("renaming among %p for slot %s is of %p", (files, slot, from) => {
  expect(renaming(files, slot)?.from).toBe(from);
});

test("markBootGood drops the counter of the running slot only, once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "node-mark-"));
  try {
    writeFileSync(join(folder, "metropolis-a+2-1.efi"), "kernel a");
    writeFileSync(join(folder, "metropolis-b+3.efi"), "kernel b");
    expect(await markBootGood(folder, "a")).toBe(true);
    expect(await markBootGood(folder, "a")).toBe(false);
    expect(readdirSync(folder).toSorted()).toEqual(["metropolis-a.efi", "metropolis-b+3.efi"]);
    expect(readFileSync(join(folder, "metropolis-a.efi"), "utf8")).toBe("kernel a");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
