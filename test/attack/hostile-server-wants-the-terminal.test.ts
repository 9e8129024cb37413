// A server that lies to an operator's metroctl in all that it says, as text: names, labels,
// reasons. It wants the operator's terminal: to erase what was said, and say something else in
// its place, such as that all is well, or another fingerprint.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../src/base/rpc/rpc.ts";
import { NodeLabelsSchema } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { errorLine } from "../../src/metroctl/output/error-line.ts";
import { UserError } from "../../src/metroctl/output/user-error.ts";
import { type Outcome, TestControlPlane } from "../../src/metroctl/test-control-plane.ts";

/** Erases the screen, goes back, begins another line, sets the title, writes backwards. */
const EVIL = "x\u001b[2J\u001b[H\r\u009b2J\u001b]0;t\u0007\u202e\nError: all is well";
/** All that may move or hide anything, but the end of a line and the tabulator. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(() => plane[Symbol.asyncDispose]());

function expectTame({ stdout, stderr }: Pick<Outcome, "stdout" | "stderr">): void {
  for (const text of [stdout, stderr]) {
    expect(text).not.toMatch(CONTROL);
    // Nor does it begin a line.
    expect(text).not.toMatch(/^Error: all is well/m);
  }
}

test("the reason of a refusal is one line, and only text", async () => {
  plane.refusal = new RpcError(Code.failedPrecondition, EVIL);
  const outcome = await plane.metroctl("node", "delete", plane.id, "--bypass-has-roles");
  expect(outcome.stderr).toContain("all is well");
  expectTame(outcome);
});

test("who is asked first, at takeownership, cannot write to the terminal either", async () => {
  plane.foreignReason = EVIL;
  const outcome = await plane.metroctl("takeownership", plane.endpoint);
  expect(outcome.stderr).toContain("all is well");
  expectTame(outcome);
});

test.each([
  "node list",
  "node describe",
  "node describe -o json",
  "node describe -o yaml",
  "approve",
  "cluster show",
  "cluster show -o json",
])(
  "what `metroctl %s` prints moves nothing",
  async (words) => {
    const labels = create(NodeLabelsSchema, { pairs: [{ key: EVIL, value: EVIL }] });
    plane.addNode({ id: `metropolis-${EVIL}`, labels, status: { externalAddress: EVIL } });
    plane.directory.push({ id: EVIL, addresses: [{ host: EVIL }] });
    plane.configuration = { ...plane.configuration, clusterDomain: EVIL };
    const outcome = await plane.metroctl(...words.split(" "));
    expect(outcome.exitCode).toBe(0);
    expect(outcome.stdout + outcome.stderr).toContain("all is well");
    expectTame(outcome);
  },
  20_000,
);

test("no text of others in a chain of causes does", () => {
  const cause = new RpcError(Code.unavailable, EVIL);
  const stdout = errorLine(new UserError(`no endpoint answers: ${EVIL}`, { cause }));
  expect(stdout).not.toMatch(CONTROL);
});
