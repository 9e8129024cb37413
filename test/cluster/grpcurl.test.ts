// Our services as a program knows them that has never heard of us: grpcurl learns them by
// reflection, and speaks in the names of the original.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ExitError } from "../../src/base/process/process.ts";
import { ContextFolder } from "../../src/metroctl/session/context.ts";
import { buildGrpcurl, type Caller, Grpcurl } from "./grpcurl.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";

/** Compiled once, of modules that have to be fetched first. */
const BUILD_MS = 10 * 60_000;
const API = "127.0.0.1:7835";
const NODE = "127.0.0.1:7839";
const RECOVERY = "127.0.0.1:7847";
const CURATOR = "metropolis.node.core.curator.proto.api";
const MANAGEMENT = "metropolis.proto.api.Management";

let cluster: ProcessCluster;
let program: string;
let id: string;
let owner: Grpcurl;
let stranger: Grpcurl;

beforeAll(async () => {
  program = await buildGrpcurl();
  cluster = await processCluster({ name: "wire", nodes: 3 });
  await cluster.voters(3);
  const leader = await cluster.leader();
  ({ id } = await cluster.nodeOn(leader));
  owner = await person("owner", leader, { nodeId: id, proof: await ownersProof() });
  stranger = await person("stranger", leader, {});
}, BUILD_MS);
afterAll(async () => cluster?.[Symbol.asyncDispose]());

async function person(name: string, machine: number, caller: Caller): Promise<Grpcurl> {
  return new Grpcurl(program, cluster.machine(machine), join(cluster.home, name), caller);
}

/** What the handbook says that such a program is given. */
async function ownersProof() {
  const { status } = JSON.parse(await cluster.metroctl("k8scredplugin"));
  const ca = new ContextFolder(cluster.operator.folder, "wire").read("ca.pem") ?? "";
  return { ca, certificate: status.clientCertificateData, key: status.clientKeyData };
}

/** The reason for which something was refused. */
async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "it was not refused",
    (error: unknown) => (error instanceof ExitError ? error.stderr : String(error)),
  );
}

const everywhere = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];
const services = [
  [API, [`${CURATOR}.Curator`, `${CURATOR}.CuratorLocal`, "metropolis.proto.api.AAA", MANAGEMENT]],
  [NODE, ["metropolis.proto.api.NodeManagement"]],
] as const;

test.each(services)("%s lists its services, and describes each", async (server, names) => {
  const listed = (await owner.run(server, "list")).trimEnd().split("\n");
  expect(listed.toSorted()).toEqual([...everywhere, ...names].toSorted());
  for (const name of listed) {
    expect(await owner.run(server, "describe", name)).toStartWith(`${name} is a service:`);
  }
});

test("each enum that it describes has the original's names", async () => {
  const lines = readFileSync(join(import.meta.dir, "../wire-names.txt"), "utf8").split("\n");
  const wanted = lines.filter((line) => line.startsWith("metropolis.proto.api."));
  const names = new Set(wanted.map((line) => line.split(" ")[0] ?? ""));
  expect(names.size).toBeGreaterThan(5);
  for (const name of names) {
    const described = await owner.run(API, "describe", name);
    for (const line of wanted.filter((each) => each.startsWith(`${name} `))) {
      const [, number, value] = line.split(" ");
      expect(described).toContain(` ${value} = ${number};`);
    }
  }
});

test.each(["node.health == HEALTH_HEALTHY", "node.health == HEALTHY"])(
  "nodes are found by the filter %s, and told in the original's names",
  async (filter) => {
    const nodes = await owner.call(API, `${MANAGEMENT}.GetNodes`, { filter });
    expect(nodes).toHaveLength(3);
    const up = { state: "NODE_STATE_UP", health: "HEALTH_HEALTHY" };
    for (const node of nodes) expect(node).toMatchObject(up);
  },
);

/** A call of each service, and what its answer holds. */
const calls = [
  [API, `${MANAGEMENT}.GetClusterInfo`, {}, "clusterConfiguration"],
  [API, `${CURATOR}.CuratorLocal.GetCACertificate`, {}, "identityCaCertificate"],
  [API, `${CURATOR}.Curator.GetConsensusStatus`, {}, "etcdMember"],
  [API, "grpc.health.v1.Health.Check", {}, "status"],
  [NODE, "grpc.health.v1.Health.Check", {}, "status"],
] as const;

test.each(calls)("at %s it calls %s", async (server, method, request, field) => {
  const [answer] = await owner.call(server, method, request);
  expect(answer).toHaveProperty(field);
});

test("a node's log is asked for, and told, in the original's names", async () => {
  const entries = await owner.call(NODE, "metropolis.proto.api.NodeManagement.Logs", {
    dn: "root",
    backlogMode: "BACKLOG_MODE_COUNT",
    backlogCount: "5",
    streamMode: "STREAM_MODE_DISABLE",
    filters: [
      { withChildren: {} },
      { leveledWithMinimumSeverity: { minimum: "LEVELED_LOG_SEVERITY_INFO" } },
    ],
  });
  expect(JSON.stringify(entries)).toContain('"severity":"LEVELED_LOG_SEVERITY_INFO"');
});

test("a name that no enum has is refused before it is sent", async () => {
  const request = { dn: "root", backlogMode: "COUNT" };
  const call = owner.call(NODE, "metropolis.proto.api.NodeManagement.Logs", request);
  expect(await refusal(call)).toContain('"COUNT"');
});

test("an escrow is refused to whoever asks for another key than his own", async () => {
  const reason = await refusal(
    owner.call(API, "metropolis.proto.api.AAA.Escrow", {
      parameters: { requestedIdentityName: "owner", publicKey: Buffer.alloc(32).toBase64() },
    }),
  );
  expect(reason).toContain("Code: Unauthenticated");
});

test.each([API, NODE])("at %s a stranger is not told what is served", async (server) => {
  expect(await refusal(stranger.run(server, "list"))).toContain("code = Unauthenticated");
});

test("a machine that is locked describes its own service to the owner alone", async () => {
  await cluster.kill(1, 2, 3);
  const machine = cluster.machine(1);
  await machine.powerOn();
  await machine.console.waitFor(/Waiting for .*metropolis-[0-9a-f]{32}/, { timeoutMs: 60_000 });
  const { ca: _, ...proof } = await ownersProof();
  const there = await person("there", 1, { proof });
  const nobody = await person("nobody", 1, {});
  expect(await there.run(RECOVERY, "list")).toContain("metropolis.node.core.recovery.Recovery\n");
  const [lock] = await there.call(RECOVERY, "metropolis.node.core.recovery.Recovery.GetLock");
  expect(lock).toHaveProperty("nodeId");
  expect(await refusal(nobody.run(RECOVERY, "list"))).toContain("code = Unauthenticated");
});
