// Three nodes as processes: they become one control plane, and come back from whatever
// is switched off of them. The tests share one cluster and go on from each other.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { faults, loseLeader } from "./fail-over.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { settle } from "./support.ts";

const RESTART_MS = 60_000;
const BUSY_GAP_MS = 10_000;
/** How long a machine alone stays locked before we believe that it does not open. */
const LOCKED_MS = 3_000;

let cluster: ProcessCluster;

beforeAll(async () => {
  const start = performance.now();
  cluster = await processCluster({ name: "three", nodes: 3 });
  console.log(`three nodes as processes: ${Math.round(performance.now() - start)} ms`);
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

test("three nodes are three healthy members with three votes", async () => {
  expect(await cluster.voters(3)).toHaveLength(3);
  expect(await cluster.metroctl("node", "list")).toMatch(/^(metropolis-[0-9a-f]{32}\n){3}$/);
});

test("a node that is restarted through its API comes back", async () => {
  const { id } = await cluster.nodeOn(2);
  const { resets } = await cluster.machine(2).status();
  const following = cluster.metroctl("node", "logs", "--follow", id).catch(String);
  await cluster.metroctl("node", "logs", id);
  await cluster.metroctl("node", "reboot", id);
  // Nobody is asked whether the node that is known to be there is there.
  expect(await following).toContain(`node ${id} broke its log off, as when it restarts`);
  await settle("the restart", RESTART_MS, async () => {
    return (await cluster.machine(2).status()).resets > resets;
  });
  await cluster.voters(3);
  await cluster.write("after a restart");
});

test.each(faults)("the cluster goes on when its leader is lost: %s", async (fault) => {
  const { gapMs, writes, failed, lost } = await loseLeader(cluster, fault);
  console.log(`leader lost (${fault}): ${gapMs} ms without a write, ${writes} writes`);
  expect(failed).toEqual([]);
  expect(lost).toEqual([]);
  // Who waited for what is in there.
  if (gapMs >= BUSY_GAP_MS) console.log(cluster.consoles());
  // The proof `failover` measures; here others may be busy on the same processors.
  expect(gapMs).toBeLessThan(BUSY_GAP_MS);
});

test("all off, all on: the cluster is back and writable without help", async () => {
  await cluster.kill(1, 2, 3);
  const start = performance.now();
  await cluster.powerOn(1, 2, 3);
  await cluster.write("after a cold start");
  console.log(`cold start of three processes: ${Math.round(performance.now() - start)} ms`);
  await cluster.voters(3);
});

test("two of three come back as well", async () => {
  await cluster.kill(1, 2, 3);
  await cluster.powerOn(2, 3);
  await cluster.write("two of three");
});

test("one of three stays locked, and says what it waits for", async () => {
  await cluster.kill(2, 3);
  const machine = cluster.machine(3);
  await machine.powerOn();
  await machine.console.waitFor(/Waiting for .*metropolis-[0-9a-f]{32}/, {
    timeoutMs: RESTART_MS,
  });
  await Bun.sleep(LOCKED_MS);
  expect(machine.console.text()).not.toContain("Joining: mounting storage");
  await cluster.powerOn(1, 2);
  await cluster.voters(3);
});

test("destroying the cluster leaves no process and no file", async () => {
  const { home } = cluster;
  const { directory } = cluster.cluster;
  await cluster.cluster.destroy();
  expect(existsSync(directory)).toBe(false);
  await settle("its processes to be gone", RESTART_MS, () => processesOf(home).length === 0);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(home);
});

/** Processes whose command line or environment names a folder, or whose mounts do. */
function processesOf(folder: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      ["cmdline", "environ", "mountinfo"].some((file) => read(pid, file).includes(folder)),
    );
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
}
