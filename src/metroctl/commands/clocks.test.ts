// What is said where clocks are wrong: that of the workstation, or that of a node.
import { expect, test } from "bun:test";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { errorLine } from "../output/error-line.ts";
import { TestControlPlane } from "../test-control-plane.ts";

test("where a node's certificate has ended, metroctl names the clock of the workstation", async () => {
  const plane = new TestControlPlane();
  plane.nodeDays = -10;
  await using _ = await (await plane.start()).own();
  const { stderr, exitCode } = await plane.metroctl("node", "list");
  expect(exitCode).not.toBe(0);
  expect(stderr).toMatch(
    /certificate ended at \S+Z, and the clock here says \S+Z.*: is the clock of this computer right\?/,
  );
});

test("where a node finds the owner's ended, metroctl names the node's clock", () => {
  const message =
    "certificate ended at 2028-01-01T00:00:00Z, and the clock of the node that was asked says 2036-01-01T00:00:00Z";
  expect(errorLine(new RpcError(Code.unauthenticated, message))).toBe(
    `${message} (unauthenticated): if that clock is right, ` +
      "metroctl takeownership <address> gives another certificate",
  );
});
