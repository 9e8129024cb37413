// Somebody has a member that was deleted, whole, with its keys and a copy of all that the
// cluster knew then, and wants to open disks: its own, with the shares of members that are
// locked, or others', with keys that it learned. One member was off all the time, and knows
// of nothing. The tests share one cluster and go on from each other.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { ConsensusStatus } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { type LockedEpoch, unlockedKey } from "../../src/node/recovery/locked-key.ts";
import { admit } from "../cluster/faults.ts";
import { type ProcessCluster, processCluster } from "../cluster/process-cluster.ts";
import { PATIENCE_MS, settle } from "../cluster/support.ts";
import { askShare, MemberDisk } from "./member-disk.ts";

const [FIRST, SECOND, SILENT, DELETED] = [1, 2, 3, 4] as const;
const MEMBERS = [FIRST, SECOND, SILENT, DELETED] as const;
/** How long a machine alone stays locked before we believe that it does not open. */
const LOCKED_MS = 3_000;
const bypasses = ["--bypass-has-roles", "--bypass-not-decommissioned"];

let cluster: ProcessCluster;
/** Cluster unlock keys that the deleted member has seen, by machine. */
const seen = new Map<number, Uint8Array>();
/** What the first member's only share opened while the cluster had one member. */
let lonelyKey: Uint8Array | undefined;
/** All shares of the last epoch that the deleted member was of, from copies of ESPs. */
const oldEpochs = new Map<number, LockedEpoch>();

const disk = (machine: number) => new MemberDisk(cluster.machine(machine));
const copyOf = (machine: number, when: string) => join(cluster.home, `${when}-${machine}.pb`);

/** Waits until a disk opens with a key no more. */
async function closed(machine: number, key: Uint8Array = new Uint8Array(32)): Promise<void> {
  await settle(`machine ${machine} to open with another key`, PATIENCE_MS, async () => {
    return !(await disk(machine).opens(key));
  });
}

/** Waits until the members hold one epoch, of so many. */
async function oneEpoch(machines: readonly number[], count: number): Promise<void> {
  await settle(`one epoch of ${count} members`, PATIENCE_MS, async () => {
    const all = await Promise.all(machines.map((machine) => disk(machine).epochs()));
    return all.every(
      (epochs) => epochs.length === 1 && epochs[0]?.epoch.peers.length === count - 1,
    );
  });
}

/** What the shares of an epoch make for the node that holds it. */
async function keyOf(machine: number, shares: ReadonlyMap<number, LockedEpoch>) {
  const own = oldEpochs.get(machine);
  if (own === undefined) return undefined;
  const others = [...shares].filter(([number]) => number !== machine);
  const all = others.map(([number, { epoch }]) => [String(number), epoch.share] as const);
  return unlockedKey({ ...own, shares: new Map([["", own.epoch.share], ...all]) });
}

beforeAll(async () => {
  cluster = await processCluster({ name: "deleted-member", nodes: 1, spare: 3 });
  disk(FIRST).copyRecovery(copyOf(FIRST, "one"));
  const [lonely] = await disk(FIRST).epochs();
  lonelyKey = lonely && (await unlockedKey(lonely));
  for (const machine of [SECOND, SILENT, DELETED]) {
    const before = await cluster.nodes();
    await cluster.register(machine);
    await admit(cluster, before);
  }
  await oneEpoch(MEMBERS, 4);
  await closed(FIRST, lonelyKey);
  for (const machine of MEMBERS) {
    disk(machine).copyRecovery(copyOf(machine, "four"));
    const [epoch] = await disk(machine).epochs();
    if (epoch !== undefined) oldEpochs.set(machine, epoch);
  }
  for (const machine of MEMBERS) {
    const key = await keyOf(machine, oldEpochs);
    if (key !== undefined) seen.set(machine, key);
  }
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

test("a copy of the ESP from when the cluster had one member opens nothing any more", async () => {
  expect(lonelyKey).toHaveLength(32);
  expect(await disk(FIRST).opens(lonelyKey ?? new Uint8Array(32))).toBe(false);
});

test("what the member saw opened the disks of all, as long as it was one of them", async () => {
  for (const machine of MEMBERS) {
    expect(await disk(machine).opens(seen.get(machine) ?? new Uint8Array(32))).toBe(true);
  }
});

test("once it is deleted, those who are there hold one epoch, without it", async () => {
  const { id } = await cluster.nodeOn(DELETED);
  await cluster.kill(SILENT);
  await cluster.metroctl("node", "delete", id, ...bypasses);
  await cluster.until("three members", (nodes) => {
    const voters = nodes.filter(({ consensusStatus }) => consensusStatus === ConsensusStatus.VOTER);
    return nodes.length === 3 && voters.length === 3;
  });
  await oneEpoch([FIRST, SECOND], 3);
});

test("every key that it saw opens nothing any more, with all shares of then", async () => {
  for (const machine of [FIRST, SECOND]) await closed(machine, seen.get(machine));
  // Its own disk, and that of the member that was off, are as they were.
  expect(await disk(DELETED).opens(seen.get(DELETED) ?? new Uint8Array(32))).toBe(true);
});

test("locked members give it no share; with that of the one that was off it opens nothing", async () => {
  await cluster.kill(FIRST, SECOND, DELETED);
  const thief = await disk(DELETED).secrets();
  const own = oldEpochs.get(DELETED);
  if (own === undefined) throw new Error("it holds no epoch");
  const collected = new Map<number, Uint8Array>();
  for (const number of [FIRST, SECOND, SILENT]) {
    const machine = cluster.machine(number);
    await machine.powerOn();
    await machine.console.waitFor(/Waiting for .*metropolis-/, { timeoutMs: PATIENCE_MS });
    for (let epoch = 1n; epoch <= own.epoch.epoch + 2n; epoch++) {
      const share = await askShare(thief, machine, cluster.cluster.proxy, epoch);
      if (share !== undefined && epoch === own.epoch.epoch) collected.set(number, share);
    }
    await cluster.kill(number);
  }
  expect([...collected.keys()]).toEqual([SILENT]);
  const shares = [
    ["", own.epoch.share],
    [String(SILENT), collected.get(SILENT)],
  ] as const;
  const all = shares.filter((each): each is [string, Uint8Array] => each[1] !== undefined);
  expect(await unlockedKey({ ...own, shares: new Map(all) })).toBeUndefined();
});

test("an old ESP that is put back opens nothing, with nobody else there", async () => {
  disk(FIRST).copyRecovery(copyOf(FIRST, "last"));
  disk(FIRST).putBack(copyOf(FIRST, "one"));
  const machine = cluster.machine(FIRST);
  await machine.powerOn();
  await machine.console.waitFor(/makes a key that opens nothing/, { timeoutMs: PATIENCE_MS });
  await Bun.sleep(LOCKED_MS);
  expect(machine.console.text()).not.toContain("Joining: mounting storage");
  await cluster.kill(FIRST);
  disk(FIRST).putBack(copyOf(FIRST, "last"));
});

test("the cluster comes back without help, and the one that was off opens with another key", async () => {
  await cluster.powerOn(FIRST, SECOND);
  await cluster.write("without the one that was off");
  await cluster.powerOn(SILENT);
  await cluster.voters(3);
  await oneEpoch([FIRST, SECOND, SILENT], 3);
  await closed(SILENT, seen.get(SILENT));
  await cluster.kill(FIRST, SECOND, SILENT);
  const machine = cluster.machine(SILENT);
  await machine.powerOn();
  await machine.console.waitFor(/Waiting for 1 more of: /, { timeoutMs: PATIENCE_MS });
  const thief = await disk(DELETED).secrets();
  const epoch = oldEpochs.get(DELETED)?.epoch.epoch ?? 0n;
  for (const each of [epoch, epoch + 1n, epoch + 2n]) {
    expect(await askShare(thief, machine, cluster.cluster.proxy, each)).toBeUndefined();
  }
});
