// Tests of the preparations. That each step works is shown by every machine that boots.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setHostname } from "../base/linux/hostname.ts";
import { LogTree } from "../base/logtree/logtree.ts";
import { RELEASED } from "../image/image.ts";
import { beginClock, tryEach } from "./prepare.ts";

test("tryEach goes on after a step that fails, and names it", () => {
  const tree = new LogTree();
  const done: string[] = [];
  const steps = {
    "do the first thing": () => done.push("first"),
    // No name may be this long.
    "set the host name": () => setHostname("x".repeat(100)),
    "do the last thing": () => done.push("last"),
  };
  tryEach(steps, tree.logger("init"));
  expect(done).toEqual(["first", "last"]);
  const { backlog } = tree.read({ dn: "init", backlog: "all" });
  expect(backlog).toHaveLength(1);
  expect(backlog[0]).toMatchObject({ kind: "leveled", severity: "warning" });
  const text = backlog[0]?.kind === "leveled" ? backlog[0].messages.join() : "";
  expect(text).toMatch(/^Could not set the host name: sethostname x+: (EINVAL|EPERM); going on$/);
});

test("no clock begins before the release", () => {
  const tree = new LogTree();
  const clocks = ["2005-06-07T08:09:10Z", "2026-12-01T00:00:00Z", "2036-01-01T00:00:00Z"];
  const set: string[] = [];
  for (const clock of clocks) {
    beginClock(tree.logger("init"), Date.parse(clock), (time) =>
      set.push(new Date(time).toISOString()),
    );
  }
  expect(set).toEqual([RELEASED.toISOString()]);
  const [entry] = tree.read({ dn: "init", backlog: "all" }).backlog;
  expect(entry?.kind === "leveled" ? entry.messages.join() : "").toStartWith(
    "The hardware clock says 2005-06-07T08:09:10.000Z, and this release was made later",
  );
});

test("the kernel has no core dumps, so kernel.core_pattern has nothing to say", () => {
  const config = join(import.meta.dir, "../../initramfs/kernel.config");
  expect(readFileSync(config, "utf8")).toMatch(/^CONFIG_COREDUMP=n$/m);
});
