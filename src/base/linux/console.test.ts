// Tests of the consoles, on plain files.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Consoles, consoleDevices } from "./console.ts";

const home = mkdtempSync(join(tmpdir(), "metropolis-console-"));

test("consoleDevices lists what the kernel uses", () => {
  const active = join(home, "active");
  writeFileSync(active, "tty0 ttyS0\n");
  expect(consoleDevices(active)).toEqual(["/dev/tty0", "/dev/ttyS0"]);
});

test("consoleDevices falls back to the one that is always there", () => {
  expect(consoleDevices("/no/such/file")).toEqual(["/dev/console"]);
});

test("Consoles.writeLine writes to all that can be opened", () => {
  const paths = ["a", "b"].map((name) => join(home, name));
  for (const path of paths) writeFileSync(path, "");
  const consoles = new Consoles([...paths, "/no/such/device"]);
  consoles.writeLine("Installing to /dev/vda...");
  consoles.writeLine("100%");
  for (const path of paths) {
    expect(readFileSync(path, "utf8")).toBe("Installing to /dev/vda...\n100%\n");
  }
});

test("Consoles.writeLine lets no line move the cursor or clear the screen", () => {
  const path = join(home, "plain");
  writeFileSync(path, "");
  new Consoles([path]).writeLine("\u001b[2J\rall\u0007 is\u009bwell\nat root.é");
  expect(readFileSync(path, "utf8")).toBe("?[2J?all? is?well\nat root.é\n");
});

test("Consoles.writeLine drops a line that a console cannot take", () => {
  // /dev/full refuses every write.
  expect(new Consoles(["/dev/full"]).writeLine("lost")).toBeUndefined();
});
