// Tests of what a local cluster is made of; that it comes up is for the cluster tests.
import { expect, test } from "bun:test";
import { memberCount } from "./local-nodes.ts";

test.each([
  [1, 1],
  [2, 1],
  [3, 3],
  [4, 3],
  [5, 5],
  [6, 5],
  [99, 5],
])("of %d nodes %d are members of consensus", (nodes, members) => {
  expect(memberCount(nodes)).toBe(members);
});
