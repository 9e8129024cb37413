// A cluster is switched off, and its network gives its machines other addresses meanwhile: to
// all, to some, or to one that is away for longer; another subnet; and those of before to somebody
// else. They find each other without help.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  Node_Health as Health,
  type Node,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { ClusterDirectorySchema } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { clusterConfiguration } from "../../src/metroctl/session/bootstrap-args.ts";
import {
  bootstrapParameters,
  registerParameters,
} from "../../src/metroctl/session/node-parameters.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { etcdContent } from "./inside.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { PATIENCE_MS, settle } from "./support.ts";

let cluster: ProcessCluster;
/** Of a medium that was written before anything moved. */
let oldMedium: Uint8Array;

beforeAll(async () => {
  cluster = await processCluster({ name: "moved", nodes: 3, spare: 2 });
  await cluster.voters(3);
  const { operator } = cluster;
  oldMedium = await registerParameters({ config: operator.folder, context: "moved" });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Where the directory on the ESP of a machine says that members are. */
function written(machine: number): readonly string[] {
  const { clusterDirectory } = paths(cluster.machine(machine).files.directory).esp;
  const { nodes } = fromBinary(ClusterDirectorySchema, readFileSync(clusterDirectory));
  return nodes.flatMap(({ addresses }) => addresses.map(({ host }) => host)).toSorted();
}

/** Switches machines on at new addresses, and waits until all that are on work together. */
async function comeBack(moved: Readonly<Record<number, string>>, all: readonly string[]) {
  cluster.lookAt(...all);
  const start = performance.now();
  for (const [machine, address] of Object.entries(moved)) {
    await cluster.powerOnAt(Number(machine), address);
  }
  await cluster.voters(all.length);
  await cluster.write(`at-${all.join("-")}`);
  return Math.round(performance.now() - start);
}

/** A machine that is a cluster of its own, of another owner; gives its node's ID. */
async function foreignCluster(number: number, address: string): Promise<string> {
  const machine = cluster.machine(number);
  const config = join(cluster.home, "foreign");
  const configuration = clusterConfiguration({
    "bootstrap-tpm-mode": "disabled",
    "bootstrap-storage-security": "needs-encryption-and-authentication",
    cluster: "foreign.internal",
  });
  machine.install(await bootstrapParameters({ config, context: "foreign" }, configuration));
  await cluster.powerOnAt(number, address);
  const own = /This node is (metropolis-[0-9a-f]{32})/;
  const [, id = ""] = await machine.console.waitFor(own, { timeoutMs: PATIENCE_MS });
  return id;
}

/** The directories on the disks of machines follow. */
async function expectWritten(addresses: readonly string[], ...machines: readonly number[]) {
  for (const machine of machines) {
    await settle("a directory with the new addresses", PATIENCE_MS, () =>
      addresses.every((address) => written(machine).includes(address)),
    );
  }
}

test("all are at new addresses", async () => {
  await cluster.kill(1, 2, 3);
  const all = ["10.1.0.51", "10.1.0.52", "10.1.0.53"];
  const ms = await comeBack({ 1: "10.1.0.51", 2: "10.1.0.52", 3: "10.1.0.53" }, all);
  console.log(`all three at new addresses: ${ms} ms to three votes and a write`);
  await expectWritten(all, 1, 2, 3);
});

test("two are at new addresses", async () => {
  await cluster.kill(1, 2, 3);
  const all = ["10.1.0.61", "10.1.0.62", "10.1.0.53"];
  const ms = await comeBack({ 1: "10.1.0.61", 2: "10.1.0.62", 3: "10.1.0.53" }, all);
  console.log(`two of three at new addresses: ${ms} ms`);
  await expectWritten(all, 1, 2, 3);
});

test("two exchange their addresses", async () => {
  await cluster.kill(1, 2, 3);
  const all = ["10.1.0.61", "10.1.0.62", "10.1.0.53"];
  await comeBack({ 1: "10.1.0.62", 2: "10.1.0.61", 3: "10.1.0.53" }, all);
  await cluster.nodes();
});

test("one comes back later, to others that are all elsewhere by then", async () => {
  await cluster.kill(1, 2, 3);
  cluster.lookAt("10.1.0.71", "10.1.0.72");
  await cluster.powerOnAt(1, "10.1.0.71");
  await cluster.powerOnAt(2, "10.1.0.72");
  await cluster.write("two-of-three");
  const all = ["10.1.0.71", "10.1.0.72", "10.1.0.73"];
  const ms = await comeBack({ 3: "10.1.0.73" }, all);
  console.log(`one that comes later: ${ms} ms`);
  await expectWritten(all, 1, 2, 3);
});

test("a new machine finds them although its medium names the addresses of before", async () => {
  const machine = cluster.machine(4);
  machine.install(oldMedium);
  await machine.powerOn();
  const waiting = /metroctl approve (metropolis-[0-9a-f]{32})/;
  const [, id = ""] = await machine.console.waitFor(waiting, { timeoutMs: PATIENCE_MS });
  expect(machine.console.text()).toContain("asking nodes of the cluster on this link");
  await cluster.metroctl("approve", id);
  await cluster.until("the new node to be up", (nodes) =>
    nodes.some((node) => node.id === id && node.health === Health.HEALTHY),
  );
  await expectWritten(["10.1.0.71", "10.1.0.72", "10.1.0.73"], 4);
});

test("a node without roles comes back to members that moved while it was off, past a foreign cluster", async () => {
  await cluster.kill(1, 2, 3, 4);
  const stranger = await foreignCluster(5, "10.1.0.71");
  const all = ["10.1.0.81", "10.1.0.82", "10.1.0.83"];
  await comeBack({ 1: "10.1.0.81", 2: "10.1.0.82", 3: "10.1.0.83" }, all);
  // It knows them where they were, where the foreign cluster has one address now.
  await cluster.powerOnAt(4, "10.1.0.84");
  await cluster.until("the node without roles to be back", (nodes) =>
    nodes.some(
      ({ status, health }) => status?.externalAddress === "10.1.0.84" && health === Health.HEALTHY,
    ),
  );
  await expectWritten(all, 1, 2, 3, 4);
  const nodes = await cluster.nodes();
  expect(nodes.map(({ id }) => id)).not.toContain(stranger);
  expect(nodes.flatMap(({ status }) => status?.troubles ?? [])).toEqual([]);
});

test("all are in another subnet, where nothing answers that they knew", async () => {
  const own = ({ status }: Node) => status?.externalAddress === "10.1.0.81";
  const id = (await cluster.nodes()).find(own)?.id ?? "";
  await cluster.kill(1, 2, 3, 4);
  const all = ["10.3.0.51", "10.3.0.52", "10.3.0.53"];
  for (const [index, address] of all.entries()) {
    await cluster.machine(index + 1).powerOn({
      environment: { ADDRESSES: `${address}/24`, ROUTERS: "10.3.0.1" },
    });
  }
  await expectWritten(all, 1, 2, 3);
  // The operator's way leads to the subnet of before, so each etcd is asked from within its own.
  await settle("etcd to answer with three members", PATIENCE_MS, async () => {
    const content = await etcdContent(cluster.machine(1), id).catch(() => undefined);
    return content?.members.length === 3;
  });
});

test("members whose disks are not encrypted find each other, too", async () => {
  await cluster[Symbol.asyncDispose]();
  const storageSecurity = "needs-insecure";
  cluster = await processCluster({ name: "moved-insecure", nodes: 3, storageSecurity });
  await cluster.voters(3);
  await cluster.kill(1, 2, 3);
  const all = ["10.1.0.51", "10.1.0.52", "10.1.0.53"];
  const ms = await comeBack({ 1: "10.1.0.51", 2: "10.1.0.52", 3: "10.1.0.53" }, all);
  console.log(`three without encryption at new addresses: ${ms} ms`);
  await expectWritten(all, 1, 2, 3);
});
