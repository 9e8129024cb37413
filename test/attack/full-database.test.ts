// Somebody who has found a way to write to the cluster's database wants it to stop: full
// for ever, or until a person comes with a shell. He writes past the leader here, with the
// certificate of a member, as no limit of the leader shall be what saves the cluster.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { etcdMembers, etcdStore, type Store } from "../../src/base/etcd/etcd.ts";
import { sleep } from "../../src/base/event/event.ts";
import { type Channel, Code, RpcError } from "../../src/base/rpc/rpc.ts";
import {
  LogsRequest_BacklogMode as BacklogMode,
  Management,
  NodeManagement,
  Database_State as State,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { connectEtcd } from "../../src/node/consensus/connection.ts";
import { type ControlPlane, controlPlane } from "../cluster/control-plane.ts";
import { SimulatedNode } from "../cluster/fleet.ts";
import { settle } from "../cluster/support.ts";

const QUOTA = 8 * 1024 * 1024;
const PIECE = new Uint8Array(128 * 1024);
/** Where he writes: beside the state of the control plane. */
const PREFIX = "namespaced:curator/nothing/";
/** After this a cluster that helps itself has done so, on a busy machine. */
const PATIENCE_MS = 30_000;

let plane: ControlPlane;
let etcd: Channel;
let store: Store;
let owner: Channel;

beforeAll(async () => {
  plane = await controlPlane({ quotaBytes: QUOTA, hasBackups: true });
  await connect();
});
afterAll(async () => {
  disconnect();
  await plane?.[Symbol.asyncDispose]();
});

async function connect(): Promise<void> {
  etcd = await connectEtcd(plane.member);
  store = etcdStore(etcd, PREFIX);
  owner = plane.connect(plane.ports.api, plane.owner());
}

function disconnect(): void {
  for (const channel of [etcd, owner]) channel?.close();
}

async function cutPower(): Promise<void> {
  disconnect();
  await plane.cutPower();
  await connect();
}

/** Writes until etcd refuses, or `most` pieces; gives how many went in. */
async function fill(key: (number: number) => string, most = 500): Promise<number> {
  for (let i = 0; i < most; i++) {
    const outcome = await store.put(key(i), PIECE).catch((error: unknown) => error);
    if (typeof outcome !== "bigint") {
      expect(String(outcome)).toContain("space exceeded");
      return i;
    }
  }
  return most;
}

const management = () => owner.client(Management);

/** A call that makes the state larger, and one that undoes it; gives what it failed with. */
async function grow(): Promise<RpcError | undefined> {
  const node = { case: "id", value: plane.id } as const;
  const upsert = Array.from({ length: 5 }, (_, at) => ({ key: `l-${at}`, value: "v".repeat(63) }));
  return await failureOf(async () => {
    await management().updateNodeLabels({ node, upsert }, { timeoutMs: 5_000 });
    const gone = upsert.map(({ key }) => key);
    await management().updateNodeLabels({ node, delete: gone }, { timeoutMs: 5_000 });
  });
}

/** Caught by hand: bun's `rejects` holds up connections. */
async function failureOf(call: () => Promise<unknown>): Promise<RpcError | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
}

async function database() {
  const info = await management().getClusterInfo({}, { timeoutMs: 5_000 }).catch(unlessLeaderless);
  return info?.database;
}

function unlessLeaderless(error: unknown): undefined {
  if (!(error instanceof RpcError) || error.code !== Code.unimplemented) throw error;
}

/** Resolves when the cluster takes everything again, with nobody's help. */
async function recovered(): Promise<void> {
  await settle("a cluster that takes everything again", PATIENCE_MS, async () => {
    if ((await grow()) !== undefined) return false;
    return (await database())?.state === State.OK;
  });
}

test("`cluster show` tells quota and use", async () => {
  await settle("a measurement", PATIENCE_MS, async () => (await database()) !== undefined);
  expect(await database()).toMatchObject({
    ...{ quotaBytes: BigInt(QUOTA), fullBytes: BigInt(QUOTA * 0.75), state: State.OK },
  });
  expect(await plane.operator.metroctl("cluster", "show")).toMatch(
    /database +.* in use, full at 6 MiB; file .* of 8 MiB/,
  );
});

test("who overwrites one key without end does not stop the cluster", async () => {
  const start = performance.now();
  await fill(() => "one");
  await recovered();
  console.log(`history over the quota: back after ${Math.round(performance.now() - start)} ms`);
});

test("who does that and then cuts the power does not keep it from electing a leader", async () => {
  // Not let go of before the alarm is up, so that the upkeep has had no time.
  await fill(() => "one");
  await cutPower();
  await recovered();
});

/** A machine that waits for approval. */
async function waiting(): Promise<string> {
  const { ticket } = await management().getRegisterTicket({});
  using node = new SimulatedNode(plane, 7);
  await node.register(ticket);
  return node.id;
}

test("who fills it with content gets clear refusals; reading, deleting and coming back work", async () => {
  // The last start found it full, and gave it the reserve; this one does not.
  await cutPower();
  await settle("a leader", PATIENCE_MS, async () => (await database()) !== undefined);
  const id = await waiting();
  await fill((number) => `key ${number}`, Math.ceil((QUOTA * 0.8) / PIECE.length));
  await settle(
    "a full database",
    PATIENCE_MS,
    async () => (await database())?.state === State.FULL,
  );
  const refusal = await grow();
  expect(refusal?.code).toBe(Code.resourceExhausted);
  expect(refusal?.message).toContain("the cluster's database is full");
  const registration = await failureOf(waiting);
  expect(registration?.message).toContain("the cluster's database is full");
  expect(await plane.operator.metroctl("cluster", "show")).toContain("FULL");
  expect(await plane.operator.metroctl("node", "list")).toContain(id);
  await expect(logs()).resolves.toBeGreaterThan(0);
  await expect(backedUp()).resolves.toBeGreaterThan(QUOTA / 2);
  // A new leader comes to be, and the way back is there for him, too.
  await cutPower();
  await settle("a leader", PATIENCE_MS, async () => (await database())?.state === State.FULL);
  await plane.operator.metroctl("node", "delete", id);
  expect(await plane.operator.metroctl("node", "list")).not.toContain(id);
  for (const { key } of (await store.range("")).items) await store.delete(key);
  await recovered();
});

/** How many bytes of a backup the cluster gives. */
async function backedUp(): Promise<number> {
  let bytes = 0;
  for await (const { data } of management().backup({}, { timeoutMs: 20_000 })) bytes += data.length;
  return bytes;
}

/** How many lines of its log the node gives. */
async function logs(): Promise<number> {
  using channel = plane.connect(plane.ports.node, plane.owner());
  const request = { dn: "root", backlogMode: BacklogMode.COUNT, backlogCount: 1n };
  let count = 0;
  for await (const _ of channel.client(NodeManagement).logs(request, { timeoutMs: 5_000 })) {
    count++;
    break;
  }
  return count;
}

test("who fills it to the last byte stops what grows, and nothing else; it is told, and ends", async () => {
  const members = etcdMembers(etcd);
  await fill((number) => `key ${number}`);
  expect(await members.fullMembers()).toHaveLength(1);
  const refusal = await grow();
  expect(refusal?.code).toBe(Code.resourceExhausted);
  expect(refusal?.message).toContain("the cluster's database is full");
  await settle("a state that is told", PATIENCE_MS, async () => {
    const text = await plane.operator.metroctl("cluster", "show");
    return text.includes("ALARM") || text.includes("FULL");
  });
  await sleep(2_000);
  expect(await plane.operator.metroctl("node", "list")).toContain(plane.id);
  await store.transact([], [{ deletePrefix: "" }]);
  await recovered();
});

test("who does that and then cuts the power keeps nobody from reading, deleting and backups", async () => {
  await fill((number) => `key ${number}`);
  expect(await etcdMembers(etcd).fullMembers()).toHaveLength(1);
  // By then etcd has all of it in its file, which its next start looks at.
  await sleep(2_000);
  await cutPower();
  // Nobody has made room: a leader is there all the same.
  await settle("a leader", PATIENCE_MS, async () => {
    const text = await plane.operator.metroctl("cluster", "show").catch(() => "");
    return text.includes("FULL") || text.includes("ALARM");
  });
  expect(await plane.operator.metroctl("node", "list")).toContain(plane.id);
  await expect(logs()).resolves.toBeGreaterThan(0);
  await expect(backedUp()).resolves.toBeGreaterThan(QUOTA / 2);
  expect((await grow())?.code).toBe(Code.resourceExhausted);
  await store.transact([], [{ deletePrefix: "" }]);
  await recovered();
});
