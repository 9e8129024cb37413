// Tests of judging the leader.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { issueCa, issueNode, validFor } from "../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../base/pki/keys.ts";
import { nodeId } from "../base/pki/node-id.ts";
import { memberOf, type Server, serve } from "../base/rpc/rpc.ts";
import { NodeSchema } from "../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { Grace, leaderProbe, type Probe, untilDead } from "./leader-probe.ts";
import { keys } from "./state/keys.ts";
import { NodeCache } from "./state/node-cache.ts";

const GRACE_MS = 60;
const timing = { pauseMs: 2, patienceMs: 20, misses: 3, grace: new Grace(GRACE_MS) };
const soon = () => AbortSignal.timeout(5_000);

class Silent extends Error {}

/** Answers as the script says; at its end the leader is dead. */
function scripted(script: readonly ("answer" | "refuse" | "hang")[]) {
  let asked = 0;
  const probe: Probe = async () => {
    const next = script[asked++] ?? "refuse";
    if (next === "refuse") throw new Silent("refused");
    if (next === "hang") await Promise.withResolvers<never>().promise;
  };
  return { probe, asked: () => asked };
}

test("untilDead wants several misses in a row", async () => {
  const { probe, asked } = scripted(["answer", "refuse", "refuse", "answer", "refuse", "hang"]);
  await untilDead(probe, soon(), timing);
  expect(asked()).toBe(7);
});

test("untilDead gives a leader that was never heard some grace", async () => {
  const start = performance.now();
  await untilDead(scripted([]).probe, soon(), timing);
  expect(performance.now() - start).toBeGreaterThan(GRACE_MS);
});

test("untilDead gives each leader in a row that was never heard more time", async () => {
  const grace = new Grace(10);
  const judge = (script: readonly "answer"[]) =>
    untilDead(scripted(script).probe, soon(), { ...timing, grace });
  for (const next of [20, 40, 80]) {
    await judge([]);
    expect(grace.ms).toBe(next);
  }
  await judge(["answer"]);
  expect(grace.ms).toBe(10);
});

test("untilDead has more patience with a leader that is slow", async () => {
  let slow = true;
  const probe: Probe = async (timeoutMs) => {
    if (slow) await Bun.sleep(15);
    else expect(timeoutMs).toBeGreaterThanOrEqual(8 * 15);
    if (!slow) throw new Silent("gone");
    slow = false;
  };
  await untilDead(probe, soon(), timing);
  expect(slow).toBe(false);
});

test("untilDead ends with its signal", async () => {
  const end = new AbortController();
  const judging = untilDead(scripted(["answer", "hang"]).probe, end.signal, timing);
  setTimeout(() => end.abort(new Silent("over")), 10);
  await expect(judging).rejects.toThrow("over");
});

let folder: string;
let server: Server | undefined;
const nodeKey = generateKeyPair();
const id = nodeId(nodeKey.publicKey);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "leader-probe-"));
});

/** A leader whose certificate ends in some days. */
async function lead(days = 30): Promise<void> {
  const caKey = generateKeyPair();
  const ca = await issueCa(caKey);
  const issuer = { keyPair: caKey, certificate: ca };
  const certificate = await issueNode(issuer, nodeKey.publicKey, validFor(days));
  writeFileSync(join(folder, "ca.pem"), certificatePem(ca));
  writeFileSync(join(folder, "c.pem"), certificatePem(certificate));
  writeFileSync(join(folder, "k.pem"), privateKeyPem(nodeKey));
  server = await serve({
    services: [],
    authorize: () => {},
    // Strangers may take all that there is for them: a follower is none.
    isMember: memberOf(() => ca),
    limits: { strangerCalls: 0 },
    listen: { host: "127.0.0.1", port: 0 },
    tls: { certificatePem: certificatePem(certificate), keyPem: privateKeyPem(nodeKey) },
  });
}
afterEach(async () => {
  await server?.close(0);
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** What a follower knows of a leader on the loopback. */
function sources(nodes: NodeCache) {
  const file = (name: string) => join(folder, name);
  const credentials = { ca: file("ca.pem"), certificate: file("c.pem"), key: file("k.pem") };
  return { self: "own", nodes, credentials, port: server?.port ?? 0 };
}

function knowing(leader: string, externalAddress = "127.0.0.1"): NodeCache {
  const nodes = new NodeCache();
  tell(nodes, leader, externalAddress);
  return nodes;
}

/** The leader's status arrives. */
function tell(nodes: NodeCache, leader: string, externalAddress: string, revision = 1n): void {
  const status = { externalAddress };
  const value = toBinary(NodeSchema, create(NodeSchema, { publicKey: nodeKey.publicKey, status }));
  const item = { key: keys.node(leader), value, createRevision: 1n, modRevision: revision };
  nodes.reset({ revision, items: [{ ...item, version: revision, lease: 0n }] });
}

test.each([
  ["good", 30],
  ["ended", -400],
])(
  "leaderProbe finds a leader alive whose certificate is %s, until its port is closed",
  async (_, days) => {
    await lead(days);
    let isDead = false;
    const judging = leaderProbe(sources(knowing(id)))(id, soon()).then(() => {
      isDead = true;
    });
    await Bun.sleep(600);
    expect(isDead).toBe(false);
    await server?.close(0);
    await judging;
  },
);

test("leaderProbe finds a leader that says only later where it has moved", async () => {
  await lead();
  const nodes = knowing(id, "127.0.0.2");
  const end = new AbortController();
  const quick = { ...timing, patienceMs: 2_000, grace: new Grace(200) };
  const judging = leaderProbe(sources(nodes), quick)(id, end.signal);
  setTimeout(() => tell(nodes, id, "127.0.0.1", 2n), 50);
  setTimeout(() => end.abort(new Silent("still alive")), 600);
  await expect(judging).rejects.toThrow("still alive");
});

test("leaderProbe waits for the leader's address", async () => {
  await lead();
  const end = new AbortController();
  const judging = leaderProbe(sources(new NodeCache()))(id, end.signal);
  setTimeout(() => end.abort(new Silent("over")), 30);
  await expect(judging).rejects.toThrow("over");
});
