// Tests of init's permanent duties. Reaping is shown in life.test.ts.
import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogTree } from "../base/logtree/logtree.ts";
import { startWatchdog } from "./duties.ts";

function logged(path: string): readonly string[] {
  const tree = new LogTree();
  startWatchdog(tree.logger("init"), path);
  return tree
    .read({ dn: "init", backlog: "all" })
    .backlog.flatMap((entry) => (entry.kind === "leveled" ? entry.messages : []));
}

test("startWatchdog has nothing to say on a machine without one", () => {
  expect(logged("/dev/no-such-watchdog")).toEqual([]);
});

test("startWatchdog says so when a watchdog does not obey, and goes on", () => {
  const path = join(mkdtempSync(join(tmpdir(), "metropolis-duties-")), "watchdog");
  writeFileSync(path, "");
  expect(logged(path)).toEqual([
    "Could not arm the watchdog: ioctl watchdog timeout: ENOTTY; going on",
  ]);
});
