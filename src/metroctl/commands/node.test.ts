// The commands about nodes as a person runs them: the real program against a real server.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
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
  plane.logRequests.length = 0;
  plane.logAnswers = [];
  plane.refusal = undefined;
});

const stranger = `metropolis-${"0".repeat(32)}`;

test("node list prints IDs for scripts, and picks some", async () => {
  const id = plane.addNode();
  expect((await plane.metroctl("node", "list")).stdout).toBe(`${plane.id}\n${id}\n`);
  expect((await plane.metroctl("node", "list", "all")).stdout).toBe(`${plane.id}\n${id}\n`);
  expect((await plane.metroctl("node", "list", id)).stdout).toBe(`${id}\n`);
});

test("node list -o json gives what a program can read", async () => {
  const { stdout } = await plane.metroctl("node", "list", "-o", "json");
  expect(JSON.parse(stdout)).toMatchObject([{ id: plane.id, state: "NODE_STATE_UP" }]);
});

test("node list names an ID that nobody has, and prints nothing else", async () => {
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "list", plane.id, stranger);
  expect([stdout, exitCode]).toEqual(["", 1]);
  expect(stderr).toBe(`Error: no node ${stranger}: metroctl node list prints those there are\n`);
});

test("node describe prints a table with the original's columns", async () => {
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "describe");
  const [header = "", row = "", ...rest] = stdout.trimEnd().split("\n");
  expect(header.split(/ {2,}/)).toEqual([
    ...["NODE ID", "STATE", "ADDRESS", "HEALTH", "ROLES", "TPM", "VERSION", "HEARTBEAT"],
    ...["LABELS", "CONSENSUS", "BOOT ID", "TROUBLES"],
  ]);
  expect(row.split(/ +/).slice(0, 4)).toEqual([plane.id, "UP", plane.endpoint, "HEALTHY"]);
  expect([rest, stderr, exitCode]).toEqual([[], "", 0]);
});

test("node describe --columns prints those, in that order", async () => {
  const { stdout } = await plane.metroctl("node", "describe", "--columns", "state, Node ID");
  expect(stdout).toBe(`STATE   NODE ID\nUP      ${plane.id}\n`);
});

test("node describe refuses a column that does not exist, and names those that do", async () => {
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "describe", "--columns=age");
  expect([stdout, exitCode]).toEqual(["", 2]);
  expect(stderr).toStartWith("Error: no column age: there are node id, state, address,");
});

test("node describe -o yaml and json tell the same", async () => {
  const yaml = await plane.metroctl("node", "describe", "-o", "yaml");
  const json = await plane.metroctl("node", "describe", "--output=json");
  expect(Bun.YAML.parse(yaml.stdout)).toEqual(JSON.parse(json.stdout));
  expect([yaml.stderr, json.stderr]).toEqual(["", ""]);
});

test("node describe refuses a form of output that it does not have", async () => {
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "describe", "-o", "xml");
  expect([stdout, exitCode]).toEqual(["", 2]);
  expect(stderr).toContain("xml");
});

test("node describe tells what is wrong with a filter", async () => {
  const { stdout, stderr, exitCode } = await plane.metroctl(
    ...["node", "describe", "--filter", "node.colour == 'red'"],
  );
  expect([stdout, exitCode]).toEqual(["", 1]);
  expect(stderr).toMatch(/^Error: filter: 1:6: no such field \(.*\)\n$/);
});

test("node logs prints the handbook's format between its two lines", async () => {
  const timestamp = { seconds: 1_657_190_527n, nanos: 17_000 };
  const leveled = { lines: ["REQUESTING => BOUND"], severity: 1, location: "dhcp.ts:7", timestamp };
  const dn = "root.network.interfaces.dhcp";
  plane.logAnswers = [
    { backlogEntries: [{ dn, kind: { case: "leveled", value: leveled } }] },
    {
      backlogEntries: [
        { dn: "root.time", kind: { case: "raw", value: { data: "chronyd starting" } } },
      ],
    },
  ];
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "logs", plane.id);
  expect(stdout.split("\n")).toEqual([
    `=== Logs from ${plane.id} (${plane.endpoint}):`,
    `${dn.padEnd(32)} I0707 10:42:07.000017 dhcp.ts:7] REQUESTING => BOUND`,
    `${"root.time".padEnd(32)} R chronyd starting`,
    "=== Done.",
    "",
  ]);
  expect([stderr, exitCode]).toEqual(["", 0]);
});

test("node logs -o json is one object a line and nothing besides", async () => {
  const entry = (data: string) => ({
    dn: "a",
    kind: { case: "raw" as const, value: { data, originalLength: 1n } },
  });
  plane.logAnswers = [{ backlogEntries: [entry("x")] }, { streamEntries: [entry("\u001b[2J\n")] }];
  const { stdout } = await plane.metroctl("node", "logs", plane.id, "-o", "json", "--follow");
  const records = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(records).toMatchObject([
    { dn: "a", raw: { data: "x" } },
    { raw: { data: "\u001b[2J\n" } },
  ]);
});

test.each([
  [["--dn=root.netwrok"], "Nothing is logged at or below root.netwrok\n"],
  [["--dn=root.netwrok", "--exact"], "Nothing is logged at root.netwrok\n"],
  [["--dn=root.netwrok", "--backlog=0"], ""],
  [[], ""],
])("node logs %p says where nothing is logged, as after a slip of the pen", async (flags, told) => {
  const { stderr, exitCode } = await plane.metroctl("node", "logs", plane.id, ...flags);
  expect([stderr, exitCode]).toEqual([told, 0]);
});

test("node logs asks the node for what the flags mean", async () => {
  const flags = ["--dn", "root.time", "--backlog", "25", "--exact"];
  expect((await plane.metroctl("node", "logs", ...flags, plane.id)).exitCode).toBe(0);
  expect(plane.logRequests).toHaveLength(1);
  expect(plane.logRequests[0]).toMatchObject({ dn: "root.time", backlogCount: 25n, filters: [] });
});

test("node delete says what comes first where the cluster refuses it", async () => {
  plane.refusal = new RpcError(Code.failedPrecondition, "node still has roles");
  const { stderr, exitCode } = await plane.metroctl("node", "delete", plane.id);
  expect(stderr).toStartWith(
    `Error: delete: ${plane.id}: node still has roles: metroctl node decommission ${plane.id} first`,
  );
  expect(exitCode).toBe(1);
});

test("node logs says that a node broke off, and asks for no other address", async () => {
  plane.logsFailure = new RpcError(Code.unavailable, "the server is closing");
  const { stderr, exitCode } = await plane.metroctl("node", "logs", "--follow", plane.id);
  plane.logsFailure = undefined;
  expect(stderr).toBe(
    `Error: node ${plane.id} broke its log off, as when it restarts or is switched off: ` +
      "the server is closing. Go on with metroctl node logs when metroctl node describe shows it healthy\n",
  );
  expect(exitCode).toBe(1);
});

test("node logs lets no node move the operator's cursor", async () => {
  const value = { data: "\u001b[2J\u001b]0;owned\u0007gone" };
  plane.logAnswers = [{ backlogEntries: [{ dn: "a\u001b[1A", kind: { case: "raw", value } }] }];
  for (const form of [[], ["--concise"]]) {
    const { stdout } = await plane.metroctl("node", "logs", ...form, plane.id);
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(stdout).toContain("gone");
  }
});

test.each([
  [["node", "logs", "x", "--backlog=many"], 2, "--backlog=many: give a number of lines"],
  [["node", "logs"], 2, "Missing required positional argument"],
  [["node", "logs", "x"], 1, "x is no node ID: metroctl node list prints them"],
  [["node", "logs", `x" || true || node.id == "`], 1, "is no node ID"],
  [["node", "reboot", stranger], 1, `no node ${stranger} in this cluster`],
  [["node", "label", "x", "zone"], 2, "write key=value to set it, or zone- to remove it"],
  [["node", "add", "role", "boss", "x"], 2, "no role boss"],
  [["node", "add", "role"], 2, "Missing required positional argument"],
])("metroctl %p ends with %i: %s", async (words, exitCode, message) => {
  const outcome = await plane.metroctl(...words);
  expect(outcome.stderr).toContain(message);
  expect(outcome).toMatchObject({ stdout: "", exitCode });
  expect(plane.changes).toEqual([]);
});

test("node label sets and removes in one request", async () => {
  const words = ["node", "label", plane.id, "zone=a=b", "--", "old-"];
  const { stdout, exitCode } = await plane.metroctl(...words);
  expect([stdout, exitCode]).toEqual([`Labelled node ${plane.id}\n`, 0]);
  expect(plane.changes).toMatchObject([
    {
      method: "updateNodeLabels",
      request: {
        node: { case: "id", value: plane.id },
        upsert: [{ key: "zone", value: "a=b" }],
        delete: ["old"],
      },
    },
  ]);
});

test("node delete keeps the safety catches unless each is taken off", async () => {
  const { stdout } = await plane.metroctl("node", "delete", plane.id);
  expect(stdout).toBe(`Deleted node ${plane.id}\n`);
  await plane.metroctl("node", "delete", "--bypass-has-roles", plane.id);
  const [careful, bold] = plane.changes.map(({ request }) => request);
  expect(careful).not.toHaveProperty("safetyBypassHasRoles");
  expect(careful).not.toHaveProperty("safetyBypassNotDecommissioned");
  expect(bold).toHaveProperty("safetyBypassHasRoles");
  expect(bold).not.toHaveProperty("safetyBypassNotDecommissioned");
});

test.each([
  ["reboot", "Restarting node", 1],
  ["poweroff", "Switching off node", 3],
])("node %s asks the node itself", async (verb, answer, type) => {
  const { stdout, exitCode } = await plane.metroctl("node", verb, plane.id);
  expect([stdout, exitCode]).toEqual([`${answer} ${plane.id}\n`, 0]);
  expect(plane.changes).toMatchObject([{ method: "reboot", request: { type } }]);
});

test("node delete tells of each node that could not be deleted", async () => {
  plane.refusal = new RpcError(Code.failedPrecondition, "node has roles");
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "delete", plane.id, stranger);
  expect([stdout, exitCode]).toEqual(["", 1]);
  expect(stderr.trimEnd().split("\n  ")).toEqual([
    "Error: delete: 2 of 2 nodes failed",
    `${plane.id}: node has roles: metroctl node decommission ${plane.id} first or, ` +
      "for a machine that is gone, --bypass-has-roles --bypass-not-decommissioned",
    `${stranger}: no node ${stranger} in this cluster: metroctl node list prints them`,
  ]);
});

test("node decommission says what takes its time", async () => {
  const id = plane.addNode({ state: NodeState.UP, roles: { consensusMember: {} } });
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "decommission", id, plane.id);
  expect(stdout).toBe(`Decommissioned node ${id}\nDecommissioned node ${plane.id}\n`);
  expect(stderr).toMatch(new RegExp(`^\\S+ \\S+ Node ${id} leaves consensus \\.\\.\\.\n$`));
  expect(exitCode).toBe(0);
  expect(plane.changes.map(({ method }) => method)).toEqual([
    "decommissionNode",
    "decommissionNode",
  ]);
});

test("node add role tries every node, and fails if one did", async () => {
  const words = ["node", "add", "role", "kw", stranger, plane.id];
  const { stdout, stderr, exitCode } = await plane.metroctl(...words);
  expect(stdout).toBe(`Updated node ${plane.id}\n`);
  expect(stderr).toBe(`Error: update roles: ${stranger}: no such node (notFound)\n`);
  expect(exitCode).toBe(1);
  expect(plane.changes).toMatchObject([{ request: { kubernetesWorker: true } }]);
  expect(plane.changes[0]?.request).not.toHaveProperty("consensusMember");
});

test("node remove role takes it away, and leaves the others alone", async () => {
  await plane.metroctl("node", "remove", "role", "ConsensusMember", plane.id);
  expect(plane.changes).toMatchObject([{ request: { consensusMember: false } }]);
  expect(plane.changes[0]?.request).not.toHaveProperty("kubernetesWorker");
});
