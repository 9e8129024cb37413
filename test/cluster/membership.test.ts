// Nodes that join through faults, and nodes that come and go. The proofs `joining` and
// `churn` do all of it; here is a sample of every kind.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { churn } from "./churn.ts";
import { allFaults, faultName, joinThrough } from "./faults.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";

const SPARE = 4;
const ROUNDS = 3;

let cluster: ProcessCluster;

beforeAll(async () => {
  cluster = await processCluster({ name: "membership", nodes: 3, spare: 1 });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

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
  console.log(`a node's whole life: ${roundMs} ms; MiB of the leader: ${JSON.stringify(memory)}`);
  expect(traces).toEqual([]);
  expect(keys[1]).toBe(keys[0]);
  expect(members).toEqual([3, 3]);
});
