// Somebody passes for the leader to a consensus member: at worst he is all that it reaches. He
// wants it to erase its copy of the cluster's state, and to hold shares of a key of his.
//
// The member's etcd and what erases it are real; it is asked about by the words of the attacker.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { etcdStore } from "../../src/base/etcd/etcd.ts";
import { Value } from "../../src/base/event/event.ts";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import type { Known } from "../../src/base/rpc/rpc.ts";
import { Supervisor } from "../../src/base/supervisor/supervisor.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { LeaderElectionValueSchema } from "../../src/gen/metropolis/node/core/curator/proto/private/lock_pb.ts";
import {
  ClusterDirectorySchema,
  type NodeRoles,
  NodeRolesSchema,
} from "../../src/gen/metropolis/proto/common/common_pb.ts";
import type { Member } from "../../src/node/consensus/config.ts";
import { connectEtcd } from "../../src/node/consensus/connection.ts";
import { consensus, type StartFailure } from "../../src/node/consensus/consensus.ts";
import { createEtcdCa, createMember } from "../../src/node/consensus/pki.ts";
import { ETCD, freePorts } from "../../src/node/consensus/test-etcd.ts";
import { Control } from "../../src/node/control/control.ts";
import { emptyLock, followEpochs, type Lock } from "../../src/node/recovery/recovery.ts";
import { knownOf } from "../../src/node/roles/connection.ts";
import { controlPlane } from "../../src/node/roles/control-plane.ts";
import { connectElected } from "../../src/node/roles/elected.ts";
import { isRemoved } from "../../src/node/roles/removal.ts";
import type { CuratorSettings } from "../../src/node/roles/settings.ts";
import type { Credentials } from "../../src/node/storage/credentials.ts";
import { makeDataTree, paths } from "../../src/node/storage/paths.ts";
import { directoryOf, Node, threeMembers } from "./impostors.ts";

/** Before, the copy was gone after one answer. */
const LONG_MS = 3_000;

let root: string;
let victim: Credentials;
let thief: Node;
let others: readonly [Node, Node, Node];
const control = () => new Control<Member>();
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "robbed-member-"));
  victim = await new Node().credentials();
  thief = await new Node().listen();
  thief.isLeading = true;
  thief.says = { id: thief.id, host: thief.host };
  others = await threeMembers();
});
afterEach(async () => {
  for (const node of [thief, ...others]) await node.stop();
  rmSync(root, { recursive: true });
});

/** The victim's etcd, a cluster of its own. */
async function startEtcd() {
  const where = paths(root);
  makeDataTree(where);
  mkdirSync(where.esp.metropolis, { recursive: true });
  await createMember(await createEtcdCa(), victim.nodeId, where.data);
  const socket = where.ephemeral.etcdSocket;
  mkdirSync(dirname(socket), { recursive: true });
  const { nodeId } = victim;
  const member: Member = { nodeId, data: where.data, ports: await freePorts(), socket };
  const etcd = control();
  const supervisor = new Supervisor(consensus(etcd, { path: ETCD }));
  supervisor.start();
  await etcd.start(member, AbortSignal.timeout(20_000));
  return { where, member, etcd, [Symbol.asyncDispose]: () => supervisor.stop() };
}

test("a member that is told that it is none, by all that it reaches, keeps its copy", async () => {
  await using running = await startEtcd();
  const { where, etcd } = running;
  writeFileSync(where.esp.recovery, "its share");
  const plane = controlPlane({
    paths: where,
    membership: new Value(victim),
    // What the thief has told it.
    roles: new Value<NodeRoles>(create(NodeRolesSchema)),
    consensus: etcd,
    failure: new Value<StartFailure | null>(null),
    curator: new Control<CuratorSettings>(),
    known: () => knownOf(directoryOf(thief)),
    lock: new Value(lockAt(where.esp.recovery)),
    etcdPorts: running.member.ports,
  });
  const supervisor = new Supervisor(plane);
  supervisor.start();
  await Bun.sleep(LONG_MS);
  await supervisor.stop();
  expect(existsSync(join(where.data.etcdData, "member", "wal"))).toBe(true);
  expect(existsSync(where.esp.recovery)).toBe(true);
  using channel = await connectEtcd(running.member);
  await etcdStore(channel).put("still", new Uint8Array([1]));
});

/** What the victim holds for a cold start: nothing yet. */
function lockAt(path: string): Lock {
  const secrets = { join: generateKeyPair(), nodeUnlockKey: new Uint8Array(32).fill(3) };
  const own = { nodeId: victim.nodeId, clusterCa: victim.ca, ...secrets };
  return emptyLock(path, own, new Value(new Uint8Array(32).fill(4)));
}

/** Whether the victim, whose etcd is down, takes itself for removed. */
function takesItself(known: Known): Promise<boolean> {
  return isRemoved({ member: undefined, own: victim, known }, AbortSignal.timeout(20_000));
}

test("one lying node among those that are known makes no member erase anything", async () => {
  const [first, second, third] = others;
  for (const member of others) member.consensusMembers = [victim.nodeId];
  expect(await takesItself(knownOf(directoryOf(thief, ...others)))).toBe(false);
  // With all but one of the others silent, it still is one word of four.
  await Promise.all([first.stop(), second.stop(), third.stop()]);
  expect(await takesItself(knownOf(directoryOf(thief, ...others)))).toBe(false);
});

test("one member that says otherwise is enough to keep the copy", async () => {
  const [first] = others;
  first.consensusMembers = [victim.nodeId];
  expect(await takesItself(knownOf(directoryOf(thief, ...others)))).toBe(false);
});

test("a thief at the addresses of all members has no word at all", async () => {
  const known = knownOf(directoryOf(...others));
  for (const member of others) await member.stop();
  const seeds = known.seeds.map(({ id }) => ({ id, target: `${thief.host}:7835` }));
  expect(await takesItself({ ...known, seeds })).toBe(false);
});

test("a member that most of the others know to be removed may go", async () => {
  const [first] = others;
  await first.stop();
  expect(await takesItself(knownOf(directoryOf(...others)))).toBe(true);
});

/** What the victim holds after it has followed for a while whom its own etcd names. */
async function epochsAfter(elected: Node | undefined, at: string): Promise<readonly bigint[]> {
  await using running = await startEtcd();
  const { where, etcd } = running;
  const places = [...others, thief].map(({ id, host }) => ({
    ...{ id, host: id === elected?.id ? at : host },
  }));
  const directory = directoryOf(...places);
  writeFileSync(where.esp.clusterDirectory, toBinary(ClusterDirectorySchema, directory));
  if (elected !== undefined) {
    const vote = create(LeaderElectionValueSchema, { nodeId: elected.id, ttl: 5n });
    using channel = await connectEtcd(running.member);
    const store = etcdStore(channel, "namespaced:curator/");
    await store.put("/leader/1", toBinary(LeaderElectionValueSchema, vote));
  }
  const membership = new Value(victim);
  const esp = { directory: where.esp.clusterDirectory, path: where.esp.recovery };
  const addresses = new Value<readonly string[]>([]);
  const options = { membership, consensus: etcd, addresses, directory: esp.directory };
  using channel = connectElected(options);
  const lock = lockAt(esp.path);
  const signal = AbortSignal.timeout(LONG_MS);
  const context = { signal, log: new LogTree().logger("epochs") };
  await followEpochs(channel.client(Curator), new Value(lock), context).catch(() => {});
  return (await lock.file.read()).epochs.map(({ epoch }) => epoch);
}

test("a member takes epochs of the recovery key from whom its own etcd names", async () => {
  const [leader] = others;
  expect(await epochsAfter(leader, leader.host)).toEqual([99n]);
});

test("a false leader replaces no epochs, not even at the leader's address", async () => {
  const [leader] = others;
  expect(await epochsAfter(leader, thief.host)).toEqual([]);
  expect(thief.asked).toEqual([]);
});

test("nobody replaces epochs where the member's own etcd has elected nobody", async () => {
  expect(await epochsAfter(undefined, thief.host)).toEqual([]);
  expect(thief.asked).toEqual([]);
});
