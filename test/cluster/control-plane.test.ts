// One node's control plane, owned and used through the real metroctl.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Management } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { type ControlPlane, controlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeAll(async () => {
  plane = await controlPlane();
});
afterAll(async () => {
  await plane?.[Symbol.asyncDispose]();
});

test("the owner sees the first node, and no other", async () => {
  expect(await plane.operator.metroctl("node", "list")).toBe(`${plane.id}\n`);
  expect(await plane.operator.metroctl("node", "describe")).toContain(plane.id);
});

test("takeownership may be repeated and gives the same certificate", async () => {
  const before = plane.owner();
  await plane.operator.metroctl("takeownership", `127.0.0.1:${plane.ports.api}`);
  expect(plane.owner()).toEqual(before);
});

test("a filter chooses nodes, and a wrong one is told apart from a failure", async () => {
  const none = await plane.operator.metroctl("node", "list", "--filter", "node.id == ''");
  expect(none).toBe("");
  const { stderr, exitCode } = await plane.operator.refused("node", "list", "--filter", "node.");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("filter");
});

test("the owner's credentials work without metroctl", async () => {
  using channel = plane.connect(plane.ports.api, plane.owner());
  const { caCertificate } = await channel.client(Management).getClusterInfo({});
  expect(caCertificate).toEqual(plane.ca);
});
