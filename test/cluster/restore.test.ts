// The rehearsal of the worst day: a backup is taken, all machines are gone for good, and
// the cluster goes on on a new one.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clusterConfiguration } from "../../src/metroctl/session/bootstrap-args.ts";
import { ContextFolder, contextFiles } from "../../src/metroctl/session/context.ts";
import { restoreParameters } from "../../src/metroctl/session/node-parameters.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { settle } from "./support.ts";

const PATIENCE_MS = 60_000;
/** The machine that nobody knows yet. */
const FRESH = 4;

let cluster: ProcessCluster;
let backup: string;

beforeAll(async () => {
  cluster = await processCluster({ name: "restored", nodes: 3, spare: 2 });
  backup = join(cluster.home, "cluster.backup");
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Makes the new machine of a medium for restoring, and waits until it waits. */
async function freshMachine(): Promise<void> {
  const args = { config: cluster.operator.folder, context: "restored" };
  const configuration = clusterConfiguration({
    "bootstrap-tpm-mode": "disabled",
    "bootstrap-storage-security": "needs-encryption-and-authentication",
    cluster: "cluster.internal",
  });
  const machine = cluster.machine(FRESH);
  machine.install(restoreParameters(args, configuration));
  await machine.powerOn();
  await machine.console.waitFor(/Waiting for a backup/, { timeoutMs: PATIENCE_MS });
}

/** The workstation is lost, too, but for the two keys that the handbook says to keep. */
function forgetAllButKeys(): void {
  const context = new ContextFolder(cluster.operator.folder, "restored");
  const { ownerCertificate, ca, secret } = contextFiles;
  for (const file of [ownerCertificate, ca, secret]) context.remove(file);
}

/** A command that must fail; what it says. */
async function refusal(...words: readonly string[]): Promise<string> {
  return cluster.metroctl(...words).then(
    () => "it worked",
    (error: unknown) => String(error),
  );
}

test("a backup is whole, encrypted, and for its owner alone", async () => {
  await cluster.voters(3);
  await cluster.write("before-the-backup");
  expect(await cluster.metroctl("cluster", "backup", backup)).toContain("checked");
  await cluster.write("after-the-backup");
  const bytes = readFileSync(backup);
  for (const secret of ["before-the-backup", "metropolis-", "curator"]) {
    expect(bytes.includes(secret)).toBe(false);
  }
});

test("a new machine refuses what is no backup, and goes on waiting", async () => {
  await cluster.kill(1, 2, 3);
  forgetAllButKeys();
  await freshMachine();
  const { address } = cluster.machine(FRESH);
  const damaged = join(cluster.home, "damaged.backup");
  const bytes = readFileSync(backup);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(damaged, bytes);
  expect(await refusal("cluster", "restore", address, damaged)).toContain("damaged, or cut off");
  expect(await refusal("cluster", "restore", address, "/nowhere")).toContain("no such file");
}, 120_000);

test("a new machine takes the backup in, and the cluster is back as it was then", async () => {
  const { address } = cluster.machine(FRESH);
  await cluster.metroctl("cluster", "restore", address, backup);
  await settle("ownership", PATIENCE_MS, async () => {
    const words = ["--endpoints", address, "--proxy", cluster.cluster.proxy, "takeownership"];
    return (await refusal(...words)) === "it worked";
  });
  const { id } = await cluster.nodeOn(FRESH);
  const listed = await cluster.metroctl("node", "list", "-o", "json");
  expect(listed).toContain("before-the-backup");
  expect(listed).not.toContain("after-the-backup");
  const nodes = await cluster.nodes();
  expect(nodes).toHaveLength(4);
  const members = nodes.filter(({ roles }) => roles?.consensusMember !== undefined);
  expect(members.map((node) => node.id)).toEqual([id]);
  await cluster.write("after-the-restore");
}, 120_000);

test("the restored cluster takes new nodes, and comes back after a power cut", async () => {
  await cluster.register(FRESH + 1);
  await cluster.until("a node that waits", (nodes) => nodes.some(({ state }) => state === 1));
  const waiting = (await cluster.metroctl("approve")).trim();
  await cluster.metroctl("approve", waiting);
  await cluster.until("the new node", (nodes) =>
    nodes.some(({ id, state }) => id === waiting && state === 3),
  );
  await cluster.kill(FRESH);
  await cluster.powerOn(FRESH);
  await cluster.write("after-a-power-cut");
}, 120_000);
