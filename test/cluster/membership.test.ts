// Nodes that join through faults, and nodes that come and go. The proofs `joining` and
// `churn` do all of it; here is a sample of every kind.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Code } from "../../src/base/rpc/rpc.ts";
import { ConsensusStatus } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { churn } from "./churn.ts";
import { type Guest, guestOf, type OpenStream, revoked, streamOf } from "./deleted-node.ts";
import { admit, allFaults, faultName, joinThrough, removeNode } from "./faults.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { PATIENCE_MS, settle } from "./support.ts";

const SPARE = 4;
const ROUNDS = 3;
/** How long a deleted node may go on with anything. */
const AT_ONCE_MS = 1_000;

let cluster: ProcessCluster;

beforeAll(async () => {
  cluster = await processCluster({ name: "membership", nodes: 3, spare: 1 });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const bypasses = ["--bypass-has-roles", "--bypass-not-decommissioned"];

const sample = [
  'power cut at "Registering: sealing the node\'s configuration"',
  'power cut at "Started etcd as process"',
  "answer lost after RegisterNode",
  "power cut after CommitNode",
  "leader killed before CommitNode",
  "leader killed after JoinConsensus",
  "answer lost after JoinNode",
];

test.each(sample)("a node ends UP, once, after: %s", async (name) => {
  const fault = allFaults.find((each) => faultName(each) === name);
  if (fault === undefined) throw new Error(`no such fault: ${name}`);
  const ms = await joinThrough(cluster, SPARE, fault);
  console.log(`${name}: ${ms} ms to its vote`);
});

test("nodes that are gone leave no trace", async () => {
  const { keys, members, traces, roundMs, memory } = await churn(cluster, SPARE, ROUNDS);
  console.log(`a node's whole life: ${roundMs} ms; MiB: ${JSON.stringify(memory.at(-1))}`);
  expect(traces).toEqual([]);
  expect(keys[1]).toBe(keys[0]);
  expect(members).toEqual([3, 3]);
});

test("a member that lost its role while it was off, and has it again, becomes a new member", async () => {
  const before = await cluster.nodes();
  await cluster.register(SPARE);
  const { id } = await admit(cluster, before);
  await cluster.kill(SPARE);
  await cluster.metroctl("node", "remove", "role", "ConsensusMember", id);
  await cluster.voters(3);
  await cluster.until("its removal", (nodes) =>
    nodes.some((node) => node.id === id && node.consensusStatus === ConsensusStatus.NONE),
  );
  await cluster.metroctl("node", "add", "role", "ConsensusMember", id);
  await cluster.powerOn(SPARE);
  await cluster.voters(4);
  await removeNode(cluster, SPARE, id);
});

describe("a member that is deleted", () => {
  let stream: OpenStream;
  let guests: readonly Guest[];
  let deletedAt = 0;

  beforeAll(async () => {
    const before = await cluster.nodes();
    await cluster.register(SPARE);
    const { id } = await admit(cluster, before);
    const [node, leader] = [cluster.machine(SPARE), cluster.machine(await cluster.leader())];
    stream = await streamOf(cluster, node, leader);
    // Members who hear only now of one that went before end the connections of all.
    await settle(
      "one list of the revoked",
      PATIENCE_MS,
      () => new Set(revoked(cluster)).size === 1,
    );
    guests = [1, 2, 3].map((number) => guestOf(cluster, node, cluster.machine(number)));
    for (const guest of guests) expect(await guest.said(1, PATIENCE_MS)).toEqual(["answered"]);
    await cluster.metroctl(...["node", "delete", id], ...bypasses);
    deletedAt = performance.now();
  });
  afterAll(() => {
    stream?.[Symbol.dispose]();
    for (const guest of guests ?? []) guest[Symbol.dispose]();
  });

  test("loses what it has open on every member within a second", async () => {
    const left = () => deletedAt + AT_ONCE_MS - performance.now();
    for (const guest of guests) expect((await guest.said(2, left())).at(1)).toBe("ended");
    const { at, code } = await stream.ended;
    expect(code).toBe(Code.unauthenticated);
    expect(at - deletedAt).toBeLessThan(AT_ONCE_MS);
  });

  test("is refused when it comes again", async () => {
    expect(await stream.again()).toBe(Code.unauthenticated);
    for (const guest of guests) expect((await guest.said(3, PATIENCE_MS)).at(2)).toBe("refused");
  });

  test("says on its console what has happened to it", async () => {
    const told = /The cluster refuses this node: node metropolis-\S+ is not part of the cluster/;
    await cluster.machine(SPARE).console.waitFor(told, { timeoutMs: PATIENCE_MS });
  });

  test("is not missed by the others, who go on", async () => {
    await cluster.write("after the deletion");
    await cluster.voters(3);
  });
});
