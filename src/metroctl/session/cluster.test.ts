// Taking ownership and opening a cluster, against a real server with real
// certificates that plays the control plane's part.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueCa, issueNode, issueUser, validFor } from "../../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import {
  authorizeByOption,
  Code,
  RpcError,
  type Server,
  serve,
  service,
} from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { AAA } from "../../gen/metropolis/proto/api/aaa_pb.ts";
import { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { UserError } from "../output/user-error.ts";
import { openCluster } from "./cluster.ts";
import { ContextFolder, contextFiles } from "./context.ts";
import { bootstrapParameters } from "./node-parameters.ts";
import { ensureOwnerKey } from "./owner.ts";
import { takeOwnership } from "./take-ownership.ts";

const caKey = generateKeyPair();
const nodeKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };
const nodeCertificate = await issueNode(ca, nodeKey.publicKey, validFor(1));
const id = nodeId(nodeKey.publicKey);

/** What the simulated control plane answers with; tests change it. */
const answers = { secret: "", leaderHost: "127.0.0.1", owner: new Uint8Array(32) as Uint8Array };
let server: Server;
let config = "";
let context: ContextFolder;

async function start(): Promise<Server> {
  return serve({
    services: [
      service(CuratorLocal, {
        getCACertificate: async ({ nonce }) => ({
          identityCaCertificate: ca.certificate,
          proof: answers.secret === "" ? new Uint8Array() : proof(answers.secret, nonce),
        }),
        getCurrentLeader: async function* () {
          const leader = { leaderHost: answers.leaderHost, leaderPort: server.port };
          yield { ...leader, leaderNodeId: id, thisNodeId: id };
        },
      }),
      service(AAA, {
        escrow: async function* (_, call) {
          const key = call.peer?.kind === "anonymous" ? call.peer.publicKey : undefined;
          if (key === undefined || !Buffer.from(key).equals(answers.owner))
            throw new RpcError(Code.permissionDenied, "another owner");
          yield { emittedCertificate: await issueUser(ca, key, "owner", validFor(730)) };
        },
      }),
      service(Management, {
        getNodes: async function* ({ filter }) {
          if (filter === "" || filter.includes(id)) yield { id, pubkey: nodeKey.publicKey };
        },
      }),
    ],
    authorize: authorizeByOption(() => ca.certificate),
    listen: { host: "127.0.0.1", port: 0 },
    tls: { certificatePem: certificatePem(nodeCertificate), keyPem: privateKeyPem(nodeKey) },
  });
}

function proof(secret: string, nonce: Uint8Array): Uint8Array {
  const hmac = createHmac("sha256", Buffer.from(secret, "hex")).update("metropolis ownership v1");
  return hmac.update(nonce).update(ca.certificate).digest();
}

beforeAll(async () => {
  server = await start();
});
afterAll(() => server.close(0));
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "cluster-"));
  context = new ContextFolder(config, "demo");
  answers.owner = ensureOwnerKey(context).publicKey;
  answers.secret = "";
});
afterEach(() => rmSync(config, { recursive: true }));

function take(acceptAnyCa: boolean) {
  return takeOwnership(context, { endpoint: `127.0.0.1:${server.port}`, acceptAnyCa });
}

const args = () => ({ config, context: "demo" });

test("takeOwnership trusts a CA that the ownership secret proves", async () => {
  await bootstrapParameters(args(), {});
  answers.secret = context.read(contextFiles.secret)?.trim() ?? "";
  expect((await take(false)).nodeId).toBe(id);
  expect(context.read(contextFiles.ca)).toBe(certificatePem(ca.certificate));
  expect(context.read(contextFiles.ownerCertificate)).toContain("BEGIN CERTIFICATE");
  expect(context.read(contextFiles.secret)).toBeUndefined();
  expect(context.reach().endpoints).toEqual([`127.0.0.1:${server.port}`]);
});

test("takeOwnership refuses a CA with the wrong proof, whatever the flags", async () => {
  await bootstrapParameters(args(), {});
  answers.secret = "00".repeat(32);
  await expect(take(true)).rejects.toThrow("fails the proof");
  expect(context.read(contextFiles.ca)).toBeUndefined();
});

test("takeOwnership asks about a CA without proof, and nobody is there to answer", async () => {
  await expect(take(false)).rejects.toThrow(/fingerprint SHA256:[0-9a-f]{64}/);
  expect(context.read(contextFiles.ca)).toBeUndefined();
});

test("takeOwnership may be repeated", async () => {
  await take(true);
  expect((await take(false)).nodeId).toBe(id);
});

test("takeOwnership tells that the cluster is somebody else's", async () => {
  answers.owner = new Uint8Array(32);
  await expect(take(true)).rejects.toThrow("another owner key");
});

test("takeOwnership wants the owner key", async () => {
  const empty = new ContextFolder(config, "empty");
  const taking = { endpoint: "127.0.0.1", acceptAnyCa: true };
  await expect(takeOwnership(empty, taking)).rejects.toThrow("has no owner key");
});

test("bootstrapParameters keeps key and secret over repetitions, and spares an owned cluster", async () => {
  const first = await bootstrapParameters(args(), {});
  expect(await bootstrapParameters(args(), {})).toEqual(first);
  await takeOwnership(context, { endpoint: `127.0.0.1:${server.port}`, acceptAnyCa: true }).catch(
    () => {},
  );
  context.write(contextFiles.ownerCertificate, "x", 0o644);
  await expect(bootstrapParameters(args(), {})).rejects.toThrow("already owns a cluster");
});

test("openCluster finds the leader and its nodes", async () => {
  await take(true);
  using cluster = await openCluster(args());
  expect(await Array.fromAsync(cluster.management.getNodes({ filter: "" }))).toHaveLength(1);
  expect((await cluster.node(id)).id).toBe(id);
  // Not `expect(…).rejects`: that waits inside the socket's own callback, which then gets no data.
  const failure = (wanted: string) => cluster.node(wanted).catch(String);
  expect(await failure("x")).toContain("x is no node ID");
  expect(await failure(`metropolis-${"0".repeat(32)}`)).toContain("no node metropolis-0");
  const node = await cluster.node(id);
  expect(await cluster.nodeManagement(node).catch(String)).toContain("has not told its address");
});

test("openCluster passes over endpoints that do not answer, and says why none did", async () => {
  await take(true);
  const alive = `127.0.0.1:${server.port}`;
  using cluster = await openCluster({ ...args(), endpoints: `127.0.0.1:1,${alive}` });
  expect((await cluster.node(id)).id).toBe(id);
  const dead = openCluster({ ...args(), endpoints: "127.0.0.1:1" }, 300);
  await expect(dead).rejects.toThrow("no endpoint answers: 127.0.0.1:1: ");
});

test("openCluster wants ownership first", async () => {
  await expect(openCluster(args())).rejects.toBeInstanceOf(UserError);
  await expect(openCluster(args())).rejects.toThrow("run metroctl takeownership");
});
