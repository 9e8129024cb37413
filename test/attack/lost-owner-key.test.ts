// A thief has the owner's key and certificate, as from a stolen workstation, and uses them
// already. The owner still has them too, and replaces the key: the thief must be out within a
// second, on every node, with all that he has open.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { certificateDer, type KeyPair, readOwnerKeyFile } from "../../src/base/pki/keys.ts";
import { verifyNode } from "../../src/base/pki/verify.ts";
import { type Channel, Code, connect } from "../../src/base/rpc/rpc.ts";
import { codeOf } from "../../src/base/rpc/test-call.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  LogsRequest_BacklogMode as BacklogMode,
  Management,
  NodeManagement,
  LogsRequest_StreamMode as StreamMode,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { initialCredentials } from "../../src/metroctl/session/owner.ts";
import { escrow } from "../../src/metroctl/session/take-ownership.ts";
import { ControlPlane, type Proof } from "../cluster/control-plane.ts";
import { type ProcessCluster, processCluster } from "../cluster/process-cluster.ts";

const CURATOR_PORT = 7835;
const NODE_PORT = 7839;
/** How long a key that was replaced may be good for anything. */
const AT_ONCE_MS = 1_000;

/** What somebody has open: what it ended with, and when. */
interface Stream {
  readonly ended: Promise<{ readonly code: Code; readonly at: number }>;
}

let cluster: ProcessCluster;
let thief: { readonly key: KeyPair; readonly proof: Proof; readonly ca: Uint8Array };
let api: Channel;
let node: Channel;
let streams: readonly Stream[];
let rotatedAt = 0;

beforeAll(async () => {
  cluster = await processCluster({ name: "lost-owner", nodes: 1 });
  const read = (name: string) =>
    readFileSync(join(cluster.operator.folder, "contexts", "lost-owner", name), "utf8");
  const key = readOwnerKeyFile(read("owner-key.pem"));
  const proof = ControlPlane.proof(key, certificateDer(read("owner.pem")));
  thief = { key, proof, ca: certificateDer(read("ca.pem")) };
  api = dial(CURATOR_PORT, proof);
  node = dial(NODE_PORT, proof);
  streams = [await open(watching(api)), await open(logs(node))];
  await cluster.metroctl("cluster", "owner", "rotate");
  rotatedAt = performance.now();
});
afterAll(async () => {
  api?.close();
  node?.close();
  await cluster?.[Symbol.asyncDispose]();
});

/** A connection to the node by its address, as somebody. */
function dial(port: number, proof: Proof): Channel {
  const verify = (der: Uint8Array) => void verifyNode(der, thief.ca);
  const target = `${cluster.machine(1).address}:${port}`;
  return connect({ target, proxy: cluster.cluster.proxy, credentials: { ...proof, verify } });
}

function watching(channel: Channel): AsyncIterable<unknown> {
  return channel.client(Curator).watch({ kind: { case: "nodesInCluster", value: {} } });
}

function logs(channel: Channel): AsyncIterable<unknown> {
  return channel.client(NodeManagement).logs({
    dn: "root",
    backlogMode: BacklogMode.ALL,
    streamMode: StreamMode.UNBUFFERED,
  });
}

/** Opens a stream, and tells how it ends. */
async function open(answers: AsyncIterable<unknown>): Promise<Stream> {
  const reader = answers[Symbol.asyncIterator]();
  await reader.next();
  const read = async () => {
    while (!(await reader.next()).done);
  };
  const ended = codeOf(read());
  return { ended: ended.then((code) => ({ code, at: performance.now() })) };
}

const list = (channel: Channel) => Array.fromAsync(channel.client(Management).getNodes({}));
const firstLog = (channel: Channel) => logs(channel)[Symbol.asyncIterator]().next();

test("the thief of an owner's key loses what he has open on every port within a second", async () => {
  for (const stream of streams) {
    const { code, at } = await stream.ended;
    expect(code).toBe(Code.unauthenticated);
    expect(at - rotatedAt).toBeLessThan(AT_ONCE_MS);
  }
});

test("he is refused when he asks again, over the old connections and over new ones", async () => {
  expect(await codeOf(list(api))).toBe(Code.unauthenticated);
  expect(await codeOf(firstLog(node))).toBe(Code.unauthenticated);
  using again = dial(CURATOR_PORT, thief.proof);
  expect(await codeOf(list(again))).toBe(Code.unauthenticated);
  using there = dial(NODE_PORT, thief.proof);
  expect(await codeOf(firstLog(there))).toBe(Code.unauthenticated);
});

test("he gets no certificate for the key, and cannot make it the owner's again", async () => {
  using channel = dial(CURATOR_PORT, await initialCredentials(thief.key));
  await expect(escrow(channel, { ca: thief.ca, publicKey: thief.key.publicKey })).rejects.toThrow(
    "another owner key",
  );
  const rotating = api
    .client(Management)
    .rotateOwner({ newPublicKey: thief.key.publicKey, proof: new Uint8Array(64) });
  expect(await codeOf(rotating)).toBe(Code.unauthenticated);
});

test("he is refused after a power cut too, by a node that asks nobody", async () => {
  await cluster.kill(1);
  await cluster.powerOn(1);
  await cluster.voters(1);
  using there = dial(NODE_PORT, thief.proof);
  expect(await codeOf(firstLog(there))).toBe(Code.unauthenticated);
});

test("the owner goes on with the key that is in his context now", async () => {
  expect(await cluster.metroctl("node", "list")).toContain("metropolis-");
  await cluster.metroctl("cluster", "owner", "rotate");
  expect(await cluster.metroctl("node", "list")).toContain("metropolis-");
});
