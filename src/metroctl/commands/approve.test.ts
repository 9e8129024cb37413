// `metroctl approve` as a person runs it: the handbook's words for scripts, and
// for people what they decide by.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { shortFingerprint } from "../../base/pki/node-id.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterAll(() => plane[Symbol.asyncDispose]());
beforeEach(() => {
  plane.nodes.length = 1;
  plane.changes.length = 0;
  plane.refusal = undefined;
});

const stranger = `metropolis-${"0".repeat(32)}`;

/** What a machine says about itself when it registers. */
const machine = {
  tpmUsage: 3,
  labels: { pairs: [{ key: "rack", value: "a1" }] },
  registration: {
    address: "10.1.0.3",
    hardware: { vendor: "Dell Inc.", model: "PowerEdge", serial: "ABC\u001b[2J1" },
    time: { seconds: BigInt(Math.floor(Date.now() / 1000) - 190) },
  },
};

test("approve says that nobody waits, word for word", async () => {
  expect(await plane.metroctl("approve")).toEqual({
    stdout: "There are no nodes pending approval at this time.\n",
    stderr: "",
    exitCode: 0,
  });
});

test("approve lists those that wait, one ID a line, and none that are members", async () => {
  const waiting = [plane.addNode(), plane.addNode()];
  const { stdout, exitCode } = await plane.metroctl("approve");
  expect(stdout).toBe(`${waiting.join("\n")}\n`);
  expect(exitCode).toBe(0);
  expect(plane.changes).toEqual([]);
});

test("approve tells people what to decide by, and lets no machine write to the terminal", async () => {
  plane.addNode(machine);
  const fingerprint = shortFingerprint(plane.nodes[1]?.pubkey ?? new Uint8Array());
  const { stderr } = await plane.metroctl("approve");
  expect(stderr.split("\n").map((line) => line.trim().split(/: +/))).toEqual([
    ["fingerprint", fingerprint],
    ["address", "10.1.0.3"],
    ["hardware", "Dell Inc. PowerEdge, serial ABC�[2J1"],
    ["TPM", "present and used"],
    ["asked", expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(3 minutes ago\)$/)],
    ["labels", "rack=a1"],
    [""],
  ]);
});

test("approve -o json tells programs all of it", async () => {
  const id = plane.addNode(machine);
  const { stdout, stderr } = await plane.metroctl("approve", "-o", "json");
  const { address } = machine.registration;
  expect(JSON.parse(stdout)).toMatchObject([{ id, registration: { address } }]);
  expect(stderr).toBe("");
});

test("approve admits a node by its key, wherever the endpoints stand", async () => {
  const id = plane.addNode();
  const outcome = await plane.metroctl("--endpoints", plane.endpoint, "approve", id);
  expect(outcome).toEqual({ stdout: `Approved node ${id}\n`, stderr: "", exitCode: 0 });
  const [{ method, request } = { method: "", request: {} }] = plane.changes;
  expect(method).toBe("approveNode");
  expect(request).toMatchObject({ pubkey: plane.nodes[1]?.pubkey });
});

test("approve may be repeated until the node has started", async () => {
  const id = plane.addNode({ state: NodeState.STANDBY });
  expect(await plane.metroctl("approve", id)).toMatchObject({
    stdout: `Approved node ${id}\n`,
    exitCode: 0,
  });
});

test("approve admits several, tells which it could not, and why", async () => {
  const id = plane.addNode();
  const gone = plane.addNode({ state: NodeState.DECOMMISSIONED });
  const words = ["approve", plane.id, stranger, "x", id, gone];
  const { stdout, stderr, exitCode } = await plane.metroctl(...words);
  expect(stdout).toBe(`Approved node ${id}\n`);
  expect(stderr.trimEnd().split("\n  ")).toEqual([
    "Error: approve: 4 of 5 nodes failed",
    `${plane.id}: it is not pending approval: it is a member of the cluster`,
    `${stranger}: no such node has registered: metroctl approve lists those that have`,
    "x: this is no node ID: metroctl approve prints them",
    `${gone}: it is not pending approval: it was decommissioned, install it anew`,
  ]);
  expect(exitCode).toBe(1);
});

test("approve passes on why the cluster refuses, with the status code", async () => {
  const id = plane.addNode();
  plane.refusal = new RpcError(Code.failedPrecondition, "node is decommissioned");
  const { stdout, stderr, exitCode } = await plane.metroctl("approve", id);
  expect(stdout).toBe("");
  expect(stderr).toBe(`Error: approve: ${id}: node is decommissioned (failedPrecondition)\n`);
  expect(exitCode).toBe(1);
});
