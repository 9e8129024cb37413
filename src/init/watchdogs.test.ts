// Tests of arming all watchdogs.
import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogTree } from "../base/logtree/logtree.ts";
import { startWatchdogs } from "./watchdogs.ts";

function logged(folder: string): readonly string[] {
  const tree = new LogTree();
  startWatchdogs(tree.logger("init"), folder);
  return tree
    .read({ dn: "init", backlog: "all" })
    .backlog.flatMap((entry) => (entry.kind === "leveled" ? entry.messages : []));
}

test("startWatchdogs has nothing to say on a machine without one", () => {
  expect(logged(mkdtempSync(join(tmpdir(), "metropolis-watchdogs-")))).toEqual([]);
});

test("startWatchdogs names each watchdog that does not obey, and goes on with the next", () => {
  const folder = mkdtempSync(join(tmpdir(), "metropolis-watchdogs-"));
  for (const name of ["watchdog0", "watchdog1"]) writeFileSync(join(folder, name), "");
  expect(logged(folder)).toEqual(
    ["watchdog0", "watchdog1"].map(
      (name) => `Could not arm ${join(folder, name)}: ioctl watchdog timeout: ENOTTY; going on`,
    ),
  );
});
