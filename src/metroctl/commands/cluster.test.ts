// The commands about the cluster as a whole, as a person runs them.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { fingerprint } from "../../base/pki/verify.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { DatabaseSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { UsageError } from "../output/user-error.ts";
import { clusterField } from "../session/cluster-fields.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterAll(() => plane[Symbol.asyncDispose]());
beforeEach(() => {
  plane.changes.length = 0;
  plane.refusal = undefined;
});

test("cluster ticket show prints the ticket for programs; rotate replaces it and shows no secret", async () => {
  const show = () => plane.metroctl("cluster", "ticket", "show");
  const before = await show();
  expect(before).toEqual({ stdout: `${btoa("the ticket")}\n`, stderr: "", exitCode: 0 });
  const rotated = await plane.metroctl("cluster", "ticket", "rotate");
  expect(rotated.stdout).toStartWith("Rotated the register ticket. Media with the old one cannot");
  expect(rotated).toMatchObject({ stderr: "", exitCode: 0 });
  const after = await show();
  expect(after.stdout).not.toBe(before.stdout);
  expect(rotated.stdout).not.toContain(after.stdout.trim());
});

test("cluster show tells what holds for all of it", async () => {
  const { stdout, exitCode } = await plane.metroctl("cluster", "show");
  const rows = stdout.trimEnd().split("\n");
  expect(rows.map((row) => row.split(/ {3,}/))).toEqual([
    ["NAME", "VALUE"],
    ["CA", fingerprint(plane.ca)],
    ["leader", plane.id],
    ["domain", "cluster.internal"],
    ["TPM mode", "required"],
    ["storage security", "needs-encryption-and-authentication"],
    ["recovery policy", "automatic"],
    ["labels to Kubernetes"],
    ["database", "12 MiB in use, full at 1.5 GiB; file 20 MiB of 2 GiB"],
    ["node", `${plane.id} 127.0.0.1`],
  ]);
  expect(exitCode).toBe(0);
  const json = JSON.parse((await plane.metroctl("cluster", "show", "-o", "json")).stdout);
  expect(json).toMatchObject([
    { leaderNodeId: plane.id, clusterConfiguration: { tpmMode: "TPM_MODE_REQUIRED" } },
  ]);
});

test.each<[MessageInitShape<typeof DatabaseSchema>, string]>([
  [{ state: 2 }, "; FULL: what makes it larger is refused"],
  [{ state: 3, alarmNodeIds: ["a", "b"] }, "; ALARM: out of space at a, b"],
])("cluster show tells of a database that is full: %p", async (fields, text) => {
  plane.database = { ...plane.database, ...fields };
  const { stdout } = await plane.metroctl("cluster", "show");
  expect(stdout).toContain(text);
});

test("cluster show tells what is wrong with nodes", async () => {
  const id = plane.addNode({ status: { troubles: ["disk /dev/vdb cannot be read"] } });
  const { stdout } = await plane.metroctl("cluster", "show");
  expect(stdout).toContain(`trouble                ${id} disk /dev/vdb cannot be read\n`);
});

test("cluster configure changes one field, and only if nobody else did", async () => {
  const words = ["kubernetes.node_labels_to_synchronize", "^rack$", "zone"];
  const { stdout, stderr, exitCode } = await plane.metroctl(
    "cluster",
    "configure",
    "set",
    ...words,
  );
  expect({ stdout, stderr, exitCode }).toEqual({
    stdout: 'New value: "^rack$", "zone"\n',
    stderr: "",
    exitCode: 0,
  });
  expect(plane.changes).toMatchObject([
    {
      request: {
        baseConfig: { clusterDomain: "cluster.internal" },
        newConfig: {
          kubernetes: { nodeLabelsToSynchronize: [{ regexp: "^rack$" }, { regexp: "zone" }] },
        },
        updateMask: { paths: ["kubernetes.node_labels_to_synchronize"] },
      },
    },
  ]);
});

test("cluster configure sets the recovery policy, and tells it", async () => {
  const set = ["cluster", "configure", "set", "recovery_policy"];
  const { stdout: told, stderr } = await plane.metroctl(...set, "operator");
  expect(told).toBe('New value: "operator"\n');
  expect(stderr).toBe("In effect once all consensus members have stored it, seconds later\n");
  expect(plane.changes).toMatchObject([{ request: { newConfig: { recoveryPolicy: 2 } } }]);
  const { stdout } = await plane.metroctl("cluster", "configure", "get", "recovery_policy");
  expect(stdout).toBe('Value: "automatic"\n');
});

test("cluster configure passes on that somebody else was faster", async () => {
  plane.refusal = new RpcError(Code.failedPrecondition, "recovery_policy was changed meanwhile");
  const words = ["cluster", "configure", "set", "recovery_policy", "operator"];
  const { stdout, stderr, exitCode } = await plane.metroctl(...words);
  expect(stderr).toBe("Error: recovery_policy was changed meanwhile (failedPrecondition)\n");
  expect([stdout, exitCode]).toEqual(["", 1]);
});

test.each([
  [["set", "recovery_policy", "sometimes"], "recovery_policy: give one of automatic, operator"],
  [["set", "recovery_policy"], "recovery_policy: give one of automatic, operator"],
  [["set", "recovery_policy", "operator", "automatic"], "give one of automatic, operator"],
  [["set", "kubernetes.node_labels_to_synchronize", "("], "( is no regular expression"],
  [["get", "tpm_mode"], "no field tpm_mode that can be configured: there are kubernetes."],
  [["get", "recovery_policy", "more"], "metroctl cluster configure get: unexpected more"],
  [["set"], "Missing required positional argument"],
])("cluster configure %p is not understood: %s", async (words, message) => {
  const { stdout, stderr, exitCode } = await plane.metroctl("cluster", "configure", ...words);
  expect(stderr).toContain(message);
  expect([stdout, exitCode]).toEqual(["", 2]);
  expect(plane.changes).toEqual([]);
});

test("no labels at all is a value too", () => {
  const field = clusterField("kubernetes.node_labels_to_synchronize");
  expect(field.write([])).toEqual({ kubernetes: { nodeLabelsToSynchronize: [] } });
  expect(() => clusterField("")).toThrow(UsageError);
});
