// Tests of what the node agent inherits.
import { expect, test } from "bun:test";
import { Readable } from "node:stream";
import { encodeEntry, LogTree, leveledEntry } from "../base/logtree/logtree.ts";
import { inheritLog } from "./inherited-log.ts";

const moment = { time: new Date("2026-11-23T06:00:00Z"), micros: 0 };

function line(dn: string, text: string): string {
  return `${encodeEntry(leveledEntry(dn, text, { severity: "warning", ...moment }))}\n`;
}

test("inheritLog takes init's entries, and any other line as init's raw one", async () => {
  const tree = new LogTree();
  const input = Readable.from([
    line("init", "Mounted all"),
    line("init.node", "last words"),
    line("root.roles", "not init's to say"),
    "panic: something\n",
  ]);
  await inheritLog(input, tree);
  const { backlog } = tree.read({ dn: "init", withChildren: true, backlog: "all" });
  expect(backlog.map(({ dn, kind }) => `${dn} ${kind}`)).toEqual([
    "init leveled",
    "init.node leveled",
    "init raw",
    "init raw",
  ]);
  expect(tree.read({ dn: "root.roles", backlog: "all" }).backlog).toEqual([]);
});
