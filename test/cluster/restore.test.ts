// The rehearsal of the worst day: a backup is taken, all machines are gone for good, and
// the cluster goes on on a new one.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { environment, run } from "../../src/base/process/process.ts";
import { chapters } from "../../src/handbook/handbook.ts";
import { clusterConfiguration } from "../../src/metroctl/session/bootstrap-args.ts";
import { ContextFolder, contextFiles } from "../../src/metroctl/session/context.ts";
import { restoreParameters } from "../../src/metroctl/session/node-parameters.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { outputs, PATIENCE_MS, settle } from "./support.ts";

/** The machine that nobody knows yet. */
const FRESH = 4;

let cluster: ProcessCluster;
let backup: string;
/** Made before it, when a node had not joined yet that was there later. */
let older: string;

beforeAll(async () => {
  cluster = await processCluster({ name: "restored", nodes: 3, spare: 3 });
  backup = join(cluster.home, "cluster.backup");
  older = join(cluster.home, "older.backup");
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const context = () => new ContextFolder(cluster.operator.folder, "restored");

/** Makes a new machine of a medium for restoring, and waits until it waits. */
async function freshMachine(number = FRESH): Promise<void> {
  const args = { config: cluster.operator.folder, context: "restored" };
  const configuration = clusterConfiguration({
    "bootstrap-tpm-mode": "disabled",
    "bootstrap-storage-security": "needs-encryption-and-authentication",
    cluster: "cluster.internal",
  });
  const machine = cluster.machine(number);
  machine.install(restoreParameters(args, configuration));
  await machine.powerOn();
  await machine.console.waitFor(/Waiting for a backup/, { timeoutMs: PATIENCE_MS });
}

/** The workstation is lost, too, but for the three files that the handbook says to keep. */
function forgetAllButKeys(): void {
  const { ownerCertificate, secret } = contextFiles;
  for (const file of [ownerCertificate, secret]) context().remove(file);
}

/** The commands that the handbook prints for an operator without metroctl. */
function handbookCommands(): string {
  const text = chapters.map((chapter) => chapter.text).join("\n");
  return /^```sh\n(age -d [\s\S]*?)^```/m.exec(text)?.[1] ?? "exit 1";
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
  await cluster.metroctl("cluster", "backup", older);
  await cluster.write("between-the-backups");
  const said = await cluster.metroctl("cluster", "backup", backup);
  expect(said).toContain("checked: cluster cluster.internal, made at");
  await cluster.write("after-the-backup");
  const bytes = readFileSync(backup);
  for (const secret of ["before-the-backup", "metropolis-", "curator"]) {
    expect(bytes.includes(secret)).toBe(false);
  }
});

test("an operator without metroctl opens it as the handbook says", async () => {
  const folder = join(cluster.home, "by-hand");
  mkdirSync(folder);
  copyFileSync(backup, join(folder, "cluster.backup"));
  copyFileSync(join(context().path, contextFiles.recoveryKey), join(folder, "recovery-key.txt"));
  const env = environment({ PATH: `${dirname(outputs("etcdutl"))}:${process.env.PATH}` });
  const script = `cd "$0"\n${handbookCommands()}`;
  const { text } = await run(["sh", "-ec", script, folder], { env });
  expect(text).toContain("Signature Verified Successfully");
  const ca = context().read(contextFiles.ca) ?? "";
  expect(readFileSync(join(folder, "ca.pem"), "utf8")).toBe(ca);
  const [, sha256 = "none"] = /"sha256": "([0-9a-f]{64})"/.exec(text) ?? [];
  expect(text).toContain(`${sha256}  snapshot.db`);
  const [, revision = "none"] = /"revision": "(\d+)"/.exec(text) ?? [];
  // etcdutl: hash, revision, number of keys, size. Something may have been written meanwhile.
  const [, found = "0"] = /^[0-9a-f]+, (\d+), \d+, /m.exec(text) ?? [];
  expect(Number(found)).toBeGreaterThanOrEqual(Number(revision));
  expect(Number(found)).toBeLessThan(Number(revision) + 100);
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
  const old = await refusal("cluster", "restore", address, older);
  expect(old).toContain("older than the newest backup known here");
});

test("a new machine takes the backup in, and the cluster is back as it was then", async () => {
  const { address } = cluster.machine(FRESH);
  // Nothing knows of a newest backup any more; the older one was refused before.
  context().remove(contextFiles.newestBackup);
  await cluster.metroctl("cluster", "restore", address, backup);
  await settle("ownership", PATIENCE_MS, async () => {
    const words = ["--endpoints", address, "--proxy", cluster.cluster.proxy, "takeownership"];
    return (await refusal(...words)) === "it worked";
  });
  const { id } = await cluster.nodeOn(FRESH);
  const listed = await cluster.metroctl("node", "list", "-o", "json");
  expect(listed).toContain("between-the-backups");
  expect(listed).not.toContain("after-the-backup");
  const nodes = await cluster.nodes();
  expect(nodes).toHaveLength(4);
  const members = nodes.filter(({ roles }) => roles?.consensusMember !== undefined);
  expect(members.map((node) => node.id)).toEqual([id]);
  await cluster.write("after-the-restore");
});

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
});

test("the same backup on a second machine is asked about, and both clusters say that there are two", async () => {
  const second = FRESH + 2;
  await freshMachine(second);
  const { address } = cluster.machine(second);
  const asked = await refusal("cluster", "restore", address, backup);
  expect(asked).toContain("The cluster of this context runs: node metropolis-");
  expect(asked).toContain("Two clusters of one identity do not know of each other");
  await cluster.metroctl("cluster", "restore", address, backup, "--yes");
  const warning = "another cluster of this one's identity runs at";
  for (const number of [second, FRESH]) {
    const { console: screen } = cluster.machine(number);
    await screen.waitFor(new RegExp(`Beware: ${warning}`), { timeoutMs: PATIENCE_MS });
  }
  // The context leads to the second one now.
  await settle("a warning", PATIENCE_MS, async () =>
    (await cluster.metroctl("cluster", "show").catch(() => "")).includes(warning),
  );
});

test("a restore elsewhere is asked about although nobody answers any more", async () => {
  await cluster.kill(FRESH, FRESH + 1, FRESH + 2);
  const asked = await refusal("cluster", "restore", "10.1.0.99", backup);
  expect(asked).toContain("This context has restored a backup at");
});
