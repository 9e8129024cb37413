// A node gone bad: it has a certificate of the cluster, and says what it likes as often as it
// likes. And the same node once it is deleted, with the certificate that it still has. It wants
// etcd full, the leader busy, and room that is for others.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { etcdStore } from "../../src/base/etcd/etcd.ts";
import { sleep } from "../../src/base/event/event.ts";
import { selfSigned } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { type Channel, Code, RpcError, usualLimits } from "../../src/base/rpc/rpc.ts";
import { REPORT_RATE } from "../../src/curator/state/limits.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { NodeStorageSecurity } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { connectEtcd } from "../../src/node/consensus/connection.ts";
import { ControlPlane, controlPlane, type Proof } from "../cluster/control-plane.ts";
import { settle } from "../cluster/support.ts";
import { beginCall, botAddress, secureSocket, session } from "./strangers.ts";

const DEADLINE_MS = 10_000;
const OFTEN = 200;
/** Some times what a node may begin at once. */
const CALLS = 6 * usualLimits.nodeCallRate.burst;
const PORTION = 50;
/** Of gRPC: not compressed, of no bytes. */
const EMPTY_MESSAGE = new Uint8Array(5);

let plane: ControlPlane;
let owner: Channel;
let etcd: Channel;
let bad: { readonly id: string; readonly proof: Proof };
let node: Channel;

beforeAll(async () => {
  plane = await controlPlane();
  owner = plane.connect(plane.ports.api, plane.owner());
  etcd = await connectEtcd(plane.member);
  bad = await newMember();
  node = plane.connect(plane.ports.api, bad.proof);
});
afterAll(async () => {
  for (const channel of [node, owner, etcd]) channel?.close();
  await plane?.[Symbol.asyncDispose]();
});

/** A node that has come in as nodes do. */
async function newMember() {
  const key = generateKeyPair();
  using channel = plane.connect(plane.ports.api, ControlPlane.proof(key, await selfSigned(key)));
  const curator = channel.client(Curator);
  const { ticket } = await owner.client(Management).getRegisterTicket({});
  const joinKey = generateKeyPair().publicKey;
  await curator.registerNode({ registerTicket: ticket, joinKey, haveLocalTpm: true });
  await owner.client(Management).approveNode({ pubkey: key.publicKey });
  const { nodeCertificate } = await curator.commitNode({
    clusterUnlockKey: crypto.getRandomValues(new Uint8Array(32)),
    storageSecurity: NodeStorageSecurity.AUTHENTICATED_ENCRYPTED,
  });
  return { id: nodeId(key.publicKey), proof: ControlPlane.proof(key, nodeCertificate) };
}

/** The codes of calls that are made one after the other. */
async function codes(count: number, call: (at: number) => Promise<unknown>): Promise<Set<Code>> {
  const all = new Set<Code>();
  for (let at = 0; at < count; at++) {
    await call(at).then(
      () => all.add(Code.ok),
      (error: unknown) => all.add(error instanceof RpcError ? error.code : Code.unknown),
    );
  }
  return all;
}

async function ownerIsServed(): Promise<void> {
  await owner.client(Management).getClusterInfo({}, { timeoutMs: DEADLINE_MS });
}

async function revision(): Promise<number> {
  return Number((await etcdStore(etcd).range("", { keysOnly: true, limit: 1 })).revision);
}

test("a bad node that always has news may write some of them, and then no more", async () => {
  const before = await revision();
  const seen = await codes(OFTEN, (at) => {
    const bootId = new Uint8Array(16);
    new DataView(bootId.buffer).setUint32(0, at);
    const status = { externalAddress: "192.0.2.77", bootId };
    return node.client(Curator).updateNodeStatus({ nodeId: bad.id, status });
  });
  expect(seen).toEqual(new Set([Code.ok, Code.resourceExhausted]));
  // The burst, and what came again meanwhile.
  expect((await revision()) - before).toBeLessThan(REPORT_RATE.burst + 30);
  await ownerIsServed();
});

test("a bad node that asks for certificates again and again is revoked no endless list", async () => {
  await owner.client(Management).updateNodeRoles({
    node: { case: "id", value: bad.id },
    consensusMember: true,
  });
  const before = await revision();
  const keys = () => generateKeyPair().publicKey;
  const seen = await codes(20, () =>
    node.client(Curator).joinConsensus({ memberPublicKey: keys(), clientPublicKey: keys() }),
  );
  // It has used up its reports in the test before.
  expect(seen).toContain(Code.resourceExhausted);
  expect((await revision()) - before).toBeLessThan(20);
  const off = { node: { case: "id", value: bad.id }, consensusMember: false } as const;
  await owner.client(Management).updateNodeRoles(off);
});

test("a bad node that beats without a pause is heard ten times a second", async () => {
  let sent = 0;
  async function* beats() {
    for (const end = performance.now() + 1_500; performance.now() < end; ) {
      sent++;
      yield {};
      if (sent % 50 === 0) await Bun.sleep(1);
    }
  }
  let heard = 0;
  const end = AbortSignal.timeout(1_500);
  try {
    for await (const _ of node.client(Curator).heartbeat(beats(), { signal: end })) heard++;
  } catch (error) {
    if (!end.aborted) throw error;
  }
  expect(sent).toBeGreaterThan(50);
  // It is heard all the same: beats that are refused would show nothing.
  expect(heard).toBeGreaterThan(5);
  expect(heard).toBeLessThan(25);
  await ownerIsServed();
});

/** Begins so many calls, on one connection after the other; gives how many were answered. */
async function storm(path: string, count: number): Promise<number> {
  let answered = 0;
  for (let begun = 0; begun < count; ) {
    const http2 = await session(plane.ports.api, botAddress(2), bad.proof);
    for (; begun < count && http2?.destroyed === false; await sleep(5)) {
      for (let at = 0; at < PORTION; at++, begun++) {
        const call = beginCall(http2, path).once("response", () => answered++);
        call.end(EMPTY_MESSAGE);
      }
    }
    await sleep(50);
    http2?.destroy();
  }
  return answered;
}

test.each([
  ["of a method that nodes may use", "/metropolis.proto.api.Management/GetClusterInfo"],
  ["of no method at all", "/nowhere"],
])(
  "a bad node that begins calls %s without a pause has to dial again",
  async (_, path) => {
    const answered = await storm(path, CALLS);
    expect(answered).toBeLessThan(CALLS / 2);
    await ownerIsServed();
  },
  60_000,
);

test("a deleted node has a stranger's room, with as many connections as it likes", async () => {
  await owner.client(Management).deleteNode({
    node: { case: "id", value: bad.id },
    safetyBypassHasRoles: {},
    safetyBypassNotDecommissioned: {},
  });
  const sockets = Array.from({ length: 150 }, () =>
    secureSocket(plane.ports.api, botAddress(1), bad.proof).resume(),
  );
  const open = () => sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length;
  const { strangersPerAddress } = usualLimits;
  await settle("all but a stranger's to end", DEADLINE_MS, () => open() <= strangersPerAddress);
  await ownerIsServed();
  for (const socket of sockets) socket.destroy();
});
