// A member of three whose machine has gone wrong: its database is damaged, or it was installed
// anew while the cluster kept its old record.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import {
  ConsensusStatus,
  Node_Health as Health,
  type Node,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { admit } from "./faults.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { PATIENCE_MS, settle } from "./support.ts";

let cluster: ProcessCluster;

beforeAll(async () => {
  cluster = await processCluster({ name: "damaged", nodes: 3 });
  await cluster.voters(3);
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

function etcdFolder(machine: number): string {
  return join(paths(cluster.machine(machine).files.directory).data.etcdData, "member");
}

/** Writes over the pages that a file begins with, after its first two. */
function damage(file: string): void {
  const descriptor = openSync(file, "r+");
  writeSync(
    descriptor,
    new Uint8Array(statSync(file).size - 8_192).fill(0xa5),
    0,
    undefined,
    8_192,
  );
  closeSync(descriptor);
}

function damageDatabase(machine: number): void {
  damage(join(etcdFolder(machine), "snap", "db"));
}

function damageLog(machine: number): void {
  const folder = join(etcdFolder(machine), "wal");
  for (const name of readdirSync(folder)) {
    const descriptor = openSync(join(folder, name), "r+");
    writeSync(descriptor, new Uint8Array(4_096).fill(0xa5), 0, undefined, 512);
    closeSync(descriptor);
  }
}

const troublesOf = ({ status }: Node) => (status?.troubles ?? []).join("; ");

test.each([
  ["database", damageDatabase],
  ["log", damageLog],
] as const)(
  "a damaged %s is told, and healed by the others",
  async (_, spoil) => {
    const { id } = await cluster.nodeOn(3);
    // A leader that is lost would only take longer.
    await cluster.kill(3);
    spoil(3);
    // The others must not heal it before it is seen.
    await cluster.kill(2);
    await cluster.powerOn(3);
    await cluster.machine(3).console.waitFor(/copy of the cluster's state is damaged/, {
      timeoutMs: PATIENCE_MS,
    });
    await cluster.powerOn(2);
    // It may be healed before anybody looks, but is never told to be well meanwhile.
    const seen = await cluster.until("the member that does not work", (nodes) =>
      nodes.some((node) => node.id === id && node.health === Health.HEALTHY),
    );
    const isTold = (node: Node) =>
      node.consensusStatus !== ConsensusStatus.FAILING ||
      troublesOf(node).includes("copy of the cluster's state is damaged");
    expect(seen.every(isTold)).toBe(true);
    await cluster.voters(3);
    await cluster.until("no trouble", (nodes) => nodes.every((each) => troublesOf(each) === ""));
    await cluster.write("healed");
    const lines = cluster.machine(3).console.text().split("\n");
    expect(lines.filter((line) => /goroutine|panic|\.go:\d+ \+0x/.test(line))).toEqual([]);
    expect(lines.filter((line) => /is damaged/.test(line))).toHaveLength(1);
  },
  240_000,
);

test("a machine that was installed anew gets the reason why it waits, and the command that helps", async () => {
  const before = await cluster.nodes();
  const old = await cluster.nodeOn(3);
  await cluster.kill(3);
  await cluster.until("its silence", (nodes) =>
    nodes.some(({ id, health }) => id === old.id && health === Health.HEARTBEAT_TIMEOUT),
  );
  await cluster.register(3);
  const admitting = admit(cluster, before);
  const command = `metroctl node delete ${old.id} --bypass-has-roles --bypass-not-decommissioned`;
  let said: readonly Node[] = [];
  await settle("the reason", PATIENCE_MS, async () => {
    said = await cluster.nodes();
    const joining = said.find(({ consensusStatus }) => consensusStatus === ConsensusStatus.JOINING);
    return joining !== undefined && troublesOf(joining).includes(command);
  });
  const silent = said.find(({ id }) => id === old.id);
  expect(silent && troublesOf(silent)).toContain(command);
  expect(await cluster.metroctl("node", "describe")).toContain(command);
  expect(await cluster.metroctl("cluster", "show")).toContain(command);
  await cluster.machine(3).console.waitFor(new RegExp(command), { timeoutMs: PATIENCE_MS });
  await cluster.metroctl(...command.split(" ").slice(1));
  await admitting;
  await cluster.voters(3);
  await cluster.until("no trouble", (nodes) => nodes.every((each) => troublesOf(each) === ""));
});
