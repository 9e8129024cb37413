// Tests of shutting down. All of it runs in main-loop.test.ts, inside a namespace.
import { expect, test } from "bun:test";
import { LogTree } from "../base/logtree/logtree.ts";
import { unmountDisks } from "./shutdown.ts";

test("unmountDisks touches nothing unless it runs as PID 1", () => {
  const tree = new LogTree();
  unmountDisks(tree.logger("init"));
  expect(tree.read({ dn: "init", backlog: "all" }).backlog).toEqual([]);
});
