// A cluster of three machines: the second half of the handbook's demo, message by
// message; then everything is switched off, and what comes back without help.
import { afterAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/base/process/process.ts";
import { connect } from "../../src/base/rpc/rpc.ts";
import { Recovery } from "../../src/gen/metropolis/node/core/recovery/recovery_pb.ts";
import { ip6Address, ipAddress, isReachable, type Machine } from "../../src/launcher/launcher.ts";
import { ContextFolder } from "../../src/metroctl/session/context.ts";
import { ownerCredentials } from "../../src/metroctl/session/owner.ts";
import { RECOVERY_PORT } from "../../src/metroctl/session/recover.ts";
import { findBytes } from "./disk-image.ts";
import { API_PORT, golden, patience } from "./golden.ts";
import { spellings } from "./secrets.ts";
import { type Three, threeMachines } from "./three.ts";

/** How long a machine alone stays locked before we believe that it does not open. */
const LOCKED_MS = 4_000;
/** Power-on of all until a write is accepted; for machines that run natively. */
const COLD_START_MS = 60_000;
const WAITS_MS = 45_000;
/** Nodes try again every five seconds where a handshake was lost. */
const MESH_MS = 15_000;

/** Registers the tests; they share one cluster and go on from each other. */
export function threeNodes(): void {
  let three: Three;

  afterAll(async () => three?.cluster.destroy());

  test("two more machines join: three HEALTHY members with three votes", async () => {
    three = await threeMachines("three", await golden());
    console.log(`three nodes: ${three.report()}`);
    expect(await three.voters()).toBe(3);
  });

  test("genusb and approve say what the handbook prints", () => {
    expect(three.said(/install genusb/).stderr).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d Generating installer image \(this can take a while, see issues\/92\)\.$/m,
    );
    expect(three.said(/approve metropolis-/).stdout).toMatch(
      /^Approved node metropolis-[0-9a-f]{32}$/m,
    );
  });

  test("a new machine's console shows the fingerprint that approve shows", () => {
    // The list of IDs is the answer; what to decide by stands beside it.
    const list = three.said(/approve$/).stderr;
    for (const { console } of [three.cluster.machine(2), three.cluster.machine(3)]) {
      const [, fingerprint = "none"] =
        /Waiting for approval: .*fingerprint ([0-9a-f]{4}(?:-[0-9a-f]{4}){2})/.exec(
          console.text(),
        ) ?? [];
      expect(list).toContain(fingerprint);
    }
  });

  test("each reaches the others through the encrypted network", async () => {
    const timeoutMs = patience(three.cluster, MESH_MS);
    const twoOthers = /Reaching (metropolis-[0-9a-f]{32})[\s\S]*Reaching (?!\1)metropolis-/;
    for (const { console } of three.cluster.machines) {
      const [, one] = await console.waitFor(twoOthers, { timeoutMs });
      expect(one).toStartWith("metropolis-");
    }
  });

  test("each is known first by an address that others reach, and by all that it has", async () => {
    const { stdout } = await three.metroctl([1], "node", "list", "-o", "json");
    const said = [...stdout.matchAll(/"addresses":\s*\[([^\]]*)\]/g)].map(([, list = ""]) =>
      list.replace(/["\s]/g, "").replace(/10\.2\.0\.\d+/, "aside"),
    );
    expect(said.toSorted()).toEqual([
      [ipAddress(1), ip6Address(1)].join(),
      [ipAddress(3), ip6Address(3), "aside"].join(),
      ip6Address(2),
    ]);
  });

  test("all off, all on: the cluster is back and writable without help", async () => {
    await switchOffAtOnce(three);
    const ms = await three.timeUntilWritable([1, 2, 3], COLD_START_MS);
    console.log(`cold start of three nodes: ${Math.round(ms)} ms`);
  });

  test("two of three come back as well", async () => {
    await switchOffAtOnce(three);
    const ms = await three.timeUntilWritable([2, 3], COLD_START_MS);
    console.log(`cold start of two of three nodes: ${Math.round(ms)} ms`);
  });

  test("one of three stays locked, says what it waits for, and holds no key", async () => {
    await switchOffAtOnce(three);
    const machine = three.cluster.machine(3);
    await machine.powerOn();
    const timeoutMs = patience(three.cluster, WAITS_MS);
    await machine.console.waitFor(/Waiting for .*metropolis-[0-9a-f]{32}/, { timeoutMs });
    await Bun.sleep(patience(three.cluster, LOCKED_MS));
    const target = { host: machine.address, port: API_PORT };
    expect(await isReachable(three.cluster.proxy, target)).toBe(false);
    const key = await unlockKey(three, machine);
    await machine.kill();
    expect(findBytes(machine.files.disk, spellings(key))).toEqual([]);
  });
}

async function switchOffAtOnce({ cluster }: Three): Promise<void> {
  const status = await cluster.status();
  const on = status.filter(({ isOn }) => isOn).map(({ number }) => cluster.machine(number));
  await Promise.all(on.map((machine) => machine.kill()));
}

/**
 * The machine's cluster unlock key, as only the operator can learn it: from what the locked
 * node gives the owner, encrypted to the operator's recovery key.
 */
async function unlockKey({ cluster, owner }: Three, { address }: Machine): Promise<Uint8Array> {
  const context = new ContextFolder(owner.folder, "default");
  const credentials = { ...ownerCredentials(context), verify: () => {} };
  const target = `${address}:${RECOVERY_PORT}`;
  using channel = connect({ target, credentials, proxy: cluster.proxy });
  const lock = await channel.client(Recovery).getLock({}, { timeoutMs: WAITS_MS });
  const input = lock.operatorEncryptedClusterUnlockKey;
  const { stdout } = await run(["age", "-d", "-i", recoveryKeyFile(owner.folder)], { input });
  expect(new TextDecoder().decode(stdout)).toStartWith("metropolis box: operator's view of ");
  // The unlock key, and the join key behind it.
  return stdout.slice(-64, -32);
}

function recoveryKeyFile(owner: string): string {
  const names = readdirSync(owner, { recursive: true, encoding: "utf8" });
  const name = names.find((path) => path.endsWith("recovery-key.txt")) ?? "recovery-key.txt";
  expect(existsSync(join(owner, name))).toBe(true);
  return join(owner, name);
}
