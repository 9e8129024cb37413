// Tests of the preparations. That each step works is shown by every machine that boots.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setHostname } from "../base/linux/hostname.ts";
import { LogTree } from "../base/logtree/logtree.ts";
import { tryEach } from "./prepare.ts";

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

test("the kernel has no core dumps, so kernel.core_pattern has nothing to say", () => {
  const config = join(import.meta.dir, "../../initramfs/kernel.config");
  expect(readFileSync(config, "utf8")).toMatch(/^CONFIG_COREDUMP=n$/m);
});
