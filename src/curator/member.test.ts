// Tests of whole members over TLS: what the wire shows, who is let in, and what
// becomes of clients when the leader changes.
import { expect, test } from "bun:test";
import * as tls from "node:tls";
import { Value } from "../base/event/event.ts";
import { generateKeyPair } from "../base/pki/keys.ts";
import { ownershipProof } from "../base/pki/ownership-proof.ts";
import { verifyUser } from "../base/pki/verify.ts";
import { Code } from "../base/rpc/rpc.ts";
import { codeOf } from "../base/rpc/test-call.ts";
import { Curator, CuratorLocal } from "../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { AAA } from "../gen/metropolis/proto/api/aaa_pb.ts";
import { Management } from "../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../gen/metropolis/proto/common/common_pb.ts";
import { loadCa } from "./state/cluster-pki.ts";
import { keys } from "./state/keys.ts";
import { LeaderStore } from "./state/leader-store.ts";
import { issueFor, TestMember } from "./test-cluster.ts";

/** The owner's connection, after taking ownership. */
async function owner(member: TestMember) {
  const { ownerKey, ca } = member;
  using stranger = await member.connect(ownerKey);
  const parameters = { requestedIdentityName: "owner", publicKey: ownerKey.publicKey };
  const [answer] = await Array.fromAsync(stranger.client(AAA).escrow([{ parameters }]));
  const certificate = answer?.emittedCertificate ?? new Uint8Array();
  expect(verifyUser(certificate, ca).name).toBe("owner");
  return member.connect(ownerKey, certificate);
}

test("a member takes an owner, shows nodes, and admits another", async () => {
  await using member = await new TestMember().bootstrap();
  using channel = await owner(member);
  const management = channel.client(Management);
  const nodes = () => Array.fromAsync(management.getNodes({}));
  expect(await nodes()).toMatchObject([{ id: member.id, state: NodeState.UP }]);

  const machine = generateKeyPair();
  using asMachine = await member.connect(machine);
  const curator = asMachine.client(Curator);
  const { ticket: registerTicket } = await management.getRegisterTicket({});
  const joinKey = generateKeyPair().publicKey;
  await curator.registerNode({ registerTicket, joinKey, haveLocalTpm: true });
  await management.approveNode({ pubkey: machine.publicKey });
  const clusterUnlockKey = new Uint8Array(32);
  const { caCertificate } = await curator.commitNode({ clusterUnlockKey, storageSecurity: 3 });
  expect(new Uint8Array(caCertificate)).toEqual(member.ca);
  expect((await nodes()).map(({ state }) => state)).toEqual([NodeState.UP, NodeState.UP]);
});

test("a member proves its CA to the owner, before anyone owns it", async () => {
  await using member = await new TestMember().bootstrap();
  using channel = await member.connect();
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const answer = await channel.client(CuratorLocal).getCACertificate({ nonce });
  const expected = ownershipProof("ownership", member.ownershipSecret, nonce, member.ca);
  expect(Buffer.compare(answer.proof, expected)).toBe(0);
});

test("a member names no leader without an address, and every new one", async () => {
  await using member = await new TestMember().bootstrap();
  using channel = await member.connect();
  const local = channel.client(CuratorLocal);
  expect(await codeOf(Array.fromAsync(local.getCurrentLeader({})))).toBe(Code.unavailable);
  member.ownAddresses.set(["192.0.2.1"]);
  const hosts: string[] = [];
  for await (const { leaderHost, leaderNodeId, thisNodeId } of local.getCurrentLeader({})) {
    expect([leaderNodeId, thisNodeId]).toEqual([member.id, member.id]);
    hosts.push(leaderHost);
    if (hosts.length === 2) break;
    member.ownAddresses.set(["192.0.2.2"]);
  }
  expect(hosts).toEqual(["192.0.2.1", "192.0.2.2"]);
});

test("a member shows one certificate, names no CA and speaks h2", async () => {
  await using member = await new TestMember().bootstrap();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = tls.connect(
    {
      host: "127.0.0.1",
      port: member.port.current ?? 0,
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
    },
    resolve,
  );
  socket.once("error", reject);
  await promise;
  const shown = socket.getPeerCertificate(true);
  expect(socket.alpnProtocol).toBe("h2");
  expect(socket.getProtocol()).toBe("TLSv1.3");
  expect(Buffer.compare(shown.raw, member.certificate)).toBe(0);
  // A chain would show the CA here; clients accept exactly one certificate.
  expect(shown.issuerCertificate === undefined || shown.issuerCertificate === shown).toBe(true);
  socket.destroy();
});

test("a member lets in whom it should", async () => {
  await using member = await new TestMember().bootstrap();
  using nobody = await member.connect();
  using stranger = await member.connect(generateKeyPair());
  using node = await member.asNode();
  const approve = (channel: typeof node) =>
    codeOf(channel.client(Management).approveNode({ pubkey: new Uint8Array(32) }));
  expect(await approve(nobody)).toBe(Code.unauthenticated);
  expect(await approve(stranger)).toBe(Code.unauthenticated);
  expect(await approve(node)).toBe(Code.permissionDenied);
  expect(await codeOf(node.client(Management).getClusterInfo({}))).toBe(Code.ok);
});

test("a member refuses a node from the moment it is deleted, on open connections too", async () => {
  await using member = await new TestMember().bootstrap();
  using node = await member.asNode();
  using user = await owner(member);
  const info = () => codeOf(node.client(Management).getClusterInfo({}));
  expect(await info()).toBe(Code.ok);
  await user.client(Management).deleteNode({
    node: { case: "id", value: member.id },
    safetyBypassHasRoles: {},
    safetyBypassNotDecommissioned: {},
  });
  expect(await info()).toBe(Code.unauthenticated);
});

test("a member ends what a deleted node has open, and tells it why", async () => {
  await using member = await new TestMember().bootstrap();
  using node = await member.asNode();
  using user = await owner(member);
  const kind = { case: "nodesInCluster", value: {} } as const;
  const stream = node.client(Curator).watch({ kind })[Symbol.asyncIterator]();
  await stream.next();
  const ended = codeOf(
    (async () => {
      while (!(await stream.next()).done);
    })(),
  );
  const start = performance.now();
  await user.client(Management).deleteNode({
    node: { case: "id", value: member.id },
    safetyBypassHasRoles: {},
    safetyBypassNotDecommissioned: {},
  });
  expect(await ended).toBe(Code.unauthenticated);
  expect(performance.now() - start).toBeLessThan(1_000);
});

test("a member keeps its port closed until it is opened with credentials", async () => {
  await using member = new TestMember();
  const local = await member.local();
  expect(await codeOf(local.open({}))).toBe(Code.failedPrecondition);
  expect(member.port.current).toBeUndefined();
});

test("a member keeps other users of the machine from its socket", async () => {
  await using member = new TestMember();
  await member.local();
  expect((await Bun.file(member.socket).stat()).mode & 0o777).toBe(0o600);
});

/** Two members of one cluster; the first leads. */
async function pair() {
  const first = await new TestMember().bootstrap();
  first.ownAddresses.set(["192.0.2.1"]);
  const second = new TestMember(first.store);
  second.ownAddresses.set(["192.0.2.2"]);
  const ca = await loadCa(new LeaderStore(first.store, { key: "", createRevision: 0n }));
  await second.open(ca.certificate, await issueFor(second.key, ca));
  return { first, second };
}

test("a follower tells where the leader is, and implements nothing else", async () => {
  const { first, second } = await pair();
  await using _first = first;
  await using _second = second;
  using channel = await second.asNode();
  expect(await codeOf(channel.client(Management).getClusterInfo({}))).toBe(Code.unimplemented);
  // It finds the address in the leader's status, so there must be one.
  using leader = await first.asNode();
  const status = { externalAddress: "192.0.2.1" };
  await leader.client(Curator).updateNodeStatus({ nodeId: first.id, status });
  for await (const told of channel.client(CuratorLocal).getCurrentLeader({})) {
    expect(told).toMatchObject({ leaderNodeId: first.id, leaderHost: "192.0.2.1" });
    break;
  }
});

test("a follower takes over when the leader steps down, and ends its clients' calls", async () => {
  const { first, second } = await pair();
  await using _second = second;
  using channel = await second.connect();
  const leader = new Value<string>();
  const following = (async () => {
    for await (const { leaderNodeId } of channel.client(CuratorLocal).getCurrentLeader({})) {
      leader.set(leaderNodeId);
    }
  })().catch((error: unknown) => error);
  const { port } = second;
  const before = port.current;
  await first[Symbol.asyncDispose]();
  await port.first(AbortSignal.timeout(5_000), (each) => each !== undefined && each !== before);
  expect(await following).toMatchObject({ code: Code.unavailable });
  using again = await second.connect();
  for await (const told of again.client(CuratorLocal).getCurrentLeader({})) {
    expect(told.leaderNodeId).toBe(second.id);
    break;
  }
});

test("a member writes no secret into its log", async () => {
  await using member = await new TestMember().bootstrap();
  using channel = await owner(member);
  const { ticket } = await channel.client(Management).getRegisterTicket({});
  const { backlog } = member.tree.read({ dn: "", withChildren: true, backlog: "all" });
  const text = JSON.stringify(backlog);
  const key = (await member.store.get(keys.privateKey("cluster-ca")))?.value ?? new Uint8Array();
  for (const secret of [ticket, member.ownershipSecret, key, member.key.seed]) {
    expect(text).not.toContain(Buffer.from(secret).toString("hex"));
    expect(text).not.toContain(Buffer.from(secret).toString("base64"));
  }
  expect(backlog.length).toBeGreaterThan(1);
});
