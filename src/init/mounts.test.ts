// Tests of the table of mounts. That they can be mounted is shown in main-loop.test.ts.
import { expect, test } from "bun:test";
import { LogTree } from "../base/logtree/logtree.ts";
import { mountAll, mountTable } from "./mounts.ts";

function logged(work: (tree: LogTree) => void): readonly string[] {
  const tree = new LogTree();
  work(tree);
  const { backlog } = tree.read({ dn: "init", backlog: "all" });
  return backlog.flatMap((entry) => (entry.kind === "leveled" ? entry.messages : []));
}

test("mountTable mounts every place once, and none before what it lies on", () => {
  const targets = mountTable.map(({ target }) => target);
  expect(new Set(targets).size).toBe(targets.length);
  targets.forEach((target, index) => {
    const below = targets.slice(index + 1).filter((other) => target.startsWith(`${other}/`));
    expect(below).toEqual([]);
  });
});

test("mountTable lets nobody run set-user-id programs", () => {
  for (const { flags } of mountTable) expect(flags).toContain("noSuid");
});

test("mountTable lets programs be run from the layers of containers alone", () => {
  const withPrograms = mountTable.filter(({ flags }) => !flags?.includes("noExec"));
  expect(withPrograms.map(({ target }) => target)).toEqual(["/ephemeral"]);
});

test("mountTable lets devices be in /dev alone", () => {
  const withDevices = mountTable.filter(({ flags }) => !flags?.includes("noDev"));
  expect(withDevices.map(({ target }) => target)).toEqual(["/dev", "/dev/pts"]);
});

test("mountAll says what it cannot mount, and goes on", () => {
  const table = [
    { source: "x", target: "/tmp", type: "nosuchfs" },
    { source: "y", target: "/tmp", type: "nosuchfs" },
  ];
  const lines = logged((tree) => mountAll(tree.logger("init"), table));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(
    /^Could not mount nosuchfs on \/tmp: (ENODEV|EPERM); going on without \/tmp$/,
  );
});

test("mountAll leaves alone what is mounted", () => {
  const table = [{ source: "proc", target: "/proc", type: "proc" }];
  expect(logged((tree) => mountAll(tree.logger("init"), table))).toEqual([]);
});
