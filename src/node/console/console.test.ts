// What arrives at consoles, with plain files in place of devices.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { LogTree, leveledEntry } from "../../base/logtree/logtree.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { activeConsoles, consoles } from "./console.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "consoles-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const shown = (device = "ttyS0") => readFileSync(join(folder, device), "utf8");

/** Runs consoles over `tree` until `isDone`, then ends them. */
async function show(tree: LogTree, devices: readonly string[], isDone: () => boolean) {
  const supervisor = new Supervisor(consoles(devices, folder), { tree });
  supervisor.start();
  const limit = performance.now() + 5_000;
  while (!isDone() && performance.now() < limit) await Bun.sleep(5);
  await supervisor.stop();
}

/** True once the console shows a text. */
function shows(text: string, device = "ttyS0"): () => boolean {
  return () => {
    try {
      return shown(device).includes(text);
    } catch {
      return false;
    }
  };
}

test("consoles show the past, then what comes, each line with a carriage return", async () => {
  const tree = new LogTree();
  tree.logger("root.enrolment").info("past");
  setTimeout(() => tree.logger("root.enrolment").info("one\ntwo"), 50);
  await show(tree, ["ttyS0"], shows("two"));
  const lines = shown().split("\r\n");
  expect(lines.map((line) => line.split("] ")[1])).toEqual(["past", "one", "two", undefined]);
  expect(shown().replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  expect(lines[0]).toMatch(
    /^root\.enrolment {18} I\d{4} \d\d:\d\d:\d\d\.\d{6} console\.test\.ts:\d+\]/,
  );
});

test("consoles show the same on all devices", async () => {
  const tree = new LogTree();
  tree.logger("root").warning("to all");
  await show(tree, ["tty0", "ttyS0"], () => shows("to all", "tty0")() && shows("to all")());
  expect(shown("tty0")).toBe(shown("ttyS0"));
});

test("a console that cannot be written does not silence the others", async () => {
  const tree = new LogTree();
  tree.logger("root").info("before");
  // A folder cannot be opened for writing, whoever tries.
  mkdirSync(join(folder, "tty0"));
  await show(tree, ["tty0", "ttyS0"], shows("before"));
  expect(shown()).toContain("before");
});

test("consoles show at most the last 200 entries of the past", async () => {
  const tree = new LogTree();
  const log = tree.logger("root.a");
  for (let at = 0; at < 500; at++) log.info(`line ${at}.`);
  await show(tree, ["ttyS0"], shows("line 499."));
  expect(shown()).not.toContain("line 299.");
  expect(shown()).toContain("line 300.");
  expect(shown().trimEnd().split("\r\n")).toHaveLength(200);
});

test("consoles keep quiet parts and programs' own lines away", async () => {
  const tree = new LogTree();
  tree.raw("root.time").write("chronyd's own words\n");
  tree.logger("root.consensus").info("chatter");
  tree.logger("root.consensus").error("trouble");
  await show(tree, ["ttyS0"], shows("trouble"));
  expect(shown()).not.toMatch(/own words|chatter/);
});

test("no entry can move the cursor of a console", async () => {
  const tree = new LogTree();
  const texts = fc.sample(
    fc.string({
      unit: fc.integer({ max: 0x2ff, min: 0 }).map((code) => String.fromCodePoint(code)),
      maxLength: 60,
    }),
    150,
  );
  for (const text of ["\u001b[2J\u0007\u009b31m", ...texts]) tree.add(leveledEntry("root", text));
  tree.add(leveledEntry("root", "the end"));
  await show(tree, ["ttyS0"], shows("the end"));
  expect(shown().replaceAll("\r\n", "")).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
});

test.each([
  ["tty0 ttyS0\n", ["tty0", "ttyS0"]],
  ["ttyS1", ["ttyS1"]],
  ["\n", []],
])("activeConsoles reads %j", (text, names) => {
  writeFileSync(join(folder, "active"), text);
  expect(activeConsoles(join(folder, "active"))).toEqual(names);
});
