// The node's own service over real TLS: who gets in, what is told, and how it changes its
// certificate while it runs.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect as dialTcp } from "node:net";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import {
  type Issuer,
  issueCa,
  issueNode,
  issueUser,
  selfSigned,
  validFor,
} from "../../base/pki/certificate.ts";
import {
  certificatePem,
  generateKeyPair,
  type KeyPair,
  privateKeyPem,
} from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import { type Channel, Code, connect, RpcError } from "../../base/rpc/rpc.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import {
  LogsRequest_BacklogMode as BacklogMode,
  RebootRequest_NextBoot as NextBoot,
  NodeManagement,
  LogsRequest_StreamMode as StreamMode,
  RebootRequest_Type as Type,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { api, type NodeCredentials, type PowerRequest } from "./api.ts";

const caKey = generateKeyPair();
const ca: Issuer = { keyPair: caKey, certificate: await issueCa(caKey) };
const otherKey = generateKeyPair();
const otherCa: Issuer = { keyPair: otherKey, certificate: await issueCa(otherKey) };
const nodeKey = generateKeyPair();
const userKey = generateKeyPair();

let tree: LogTree;
let credentials: Value<NodeCredentials>;
let owner: Value<Uint8Array>;
let supervisor: Supervisor;
let powers: PowerRequest[];

beforeEach(() => {
  tree = new LogTree();
  credentials = new Value<NodeCredentials>();
  powers = [];
  owner = new Value(userKey.publicKey);
  const power = (request: PowerRequest) => powers.push(request);
  const nothing = new Value(null);
  const wrong = { troubles: new Value<readonly string[]>([]), failure: nothing, member: nothing };
  const options = { credentials, owner, tree, power, wrong };
  supervisor = new Supervisor(api({ ...options, port: 0 }), { tree, rootDn: "api" });
  supervisor.start();
});
afterEach(() => supervisor.stop());

async function credentialsOf(key: KeyPair, issuer: Issuer = ca): Promise<NodeCredentials> {
  const certificate = await issueNode(issuer, key.publicKey, validFor(1));
  return {
    ca: issuer.certificate,
    certificatePem: certificatePem(certificate),
    keyPem: privateKeyPem(key),
  };
}

function messages(): readonly string[] {
  const { backlog, stream } = tree.read({ dn: "api", withChildren: true, backlog: "all" });
  stream.close();
  return backlog.flatMap((entry) => (entry.kind === "leveled" ? entry.messages : []));
}

/** The port, once the service tells it. */
async function port(): Promise<number> {
  for (;;) {
    const line = messages().findLast((text) => text.includes("on port"));
    const [, number] = /port (\d+)$/.exec(line ?? "") ?? [];
    if (number !== undefined) return Number(number);
    await Bun.sleep(2);
  }
}

/** A connection with a key and its certificate, which sees the node of `key`. */
async function dial(key?: KeyPair, certificate?: Uint8Array, node = nodeKey): Promise<Channel> {
  const verify = (der: Uint8Array) =>
    void verifyNode(der, ca.certificate, { id: nodeId(node.publicKey) });
  const own = key && {
    keyPem: privateKeyPem(key),
    certificatePem: certificatePem(certificate ?? (await selfSigned(key))),
  };
  return connect({ target: `127.0.0.1:${await port()}`, credentials: { verify, ...own } });
}

async function asOwner(node = nodeKey): Promise<Channel> {
  return dial(userKey, await issueUser(ca, userKey.publicKey, "owner", validFor(1)), node);
}

/** The code that a reading of all logs ends with. */
async function readAll(channel: Channel, dn = ""): Promise<Code> {
  const request = {
    dn,
    filters: [{ filter: { case: "withChildren" as const, value: {} } }],
    backlogMode: BacklogMode.ALL,
    streamMode: StreamMode.DISABLE,
  };
  try {
    await Array.fromAsync(channel.client(NodeManagement).logs(request, { timeoutMs: 5_000 }));
    return Code.ok;
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
}

test("api opens no port before the node has credentials", async () => {
  await Bun.sleep(30);
  expect(messages()).toEqual(["Waiting for the node's credentials"]);
  expect(supervisor.states().get("api")).toBe("NEW");
});

test("api tells the owner the node's log", async () => {
  credentials.set(await credentialsOf(nodeKey));
  tree.logger("root.enrolment").info("a line");
  using channel = await asOwner();
  expect(await readAll(channel)).toBe(Code.ok);
  expect(await readAll(channel, "..")).toBe(Code.invalidArgument);
});

const userOf = (issuer: Issuer) => issueUser(issuer, userKey.publicKey, "owner", validFor(1));

test.each([
  ["who shows no certificate", async () => dial(), Code.unauthenticated],
  ["who shows a self-signed one", async () => dial(userKey), Code.unauthenticated],
  [
    "a user of another cluster",
    async () => dial(userKey, await userOf(otherCa)),
    Code.unauthenticated,
  ],
  [
    "a node of another cluster",
    async () => dial(otherKey, await issueNode(otherCa, otherKey.publicKey, validFor(1))),
    Code.unauthenticated,
  ],
  [
    "another node",
    async () => dial(otherKey, await issueNode(ca, otherKey.publicKey, validFor(1))),
    Code.permissionDenied,
  ],
  ["who shows the CA's certificate", async () => dial(caKey, ca.certificate), Code.unauthenticated],
])("api refuses %s, and does nothing for him", async (_, make, code) => {
  credentials.set(await credentialsOf(nodeKey));
  using channel = await make();
  expect(await readAll(channel)).toBe(code);
  const reboot = channel.client(NodeManagement).reboot({ type: Type.POWER_OFF });
  expect(await reboot.catch((error: RpcError) => error.code)).toBe(code);
  await Bun.sleep(10);
  expect(powers).toEqual([]);
});

test("api survives what is no TLS at all", async () => {
  credentials.set(await credentialsOf(nodeKey));
  const to = await port();
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\u0016\u0003\u0001\u0000", "\0".repeat(70_000)]) {
    const socket = dialTcp({ host: "127.0.0.1", port: to });
    socket.on("error", () => {});
    socket.write(bytes);
    await Bun.sleep(20);
    socket.destroy();
  }
  using channel = await asOwner();
  expect(await readAll(channel)).toBe(Code.ok);
  expect(supervisor.states().get("api")).toBe("HEALTHY");
});

test("api answers before it restarts the machine", async () => {
  credentials.set(await credentialsOf(nodeKey));
  using channel = await asOwner();
  const client = channel.client(NodeManagement);
  await client.reboot({ type: Type.FIRMWARE, nextBoot: NextBoot.START_NORMAL });
  expect(powers).toEqual([]);
  await Bun.sleep(600);
  expect(powers).toEqual(["reboot"]);
});

test("api implements no update yet, and says so", async () => {
  credentials.set(await credentialsOf(nodeKey));
  using channel = await asOwner();
  const update = channel.client(NodeManagement).updateNode({});
  expect(await update.catch((error: RpcError) => error.code)).toBe(Code.unimplemented);
});

test("api shows a new certificate without closing its port, and keeps open streams", async () => {
  credentials.set(await credentialsOf(nodeKey));
  using before = await asOwner();
  // Channels connect with their first call.
  expect(await readAll(before)).toBe(Code.ok);
  const request = {
    backlogMode: BacklogMode.DISABLE,
    streamMode: StreamMode.UNBUFFERED,
    dn: "news",
  } as const;
  const stream = before.client(NodeManagement).logs(request)[Symbol.asyncIterator]();
  const next = stream.next();
  const renewed = generateKeyPair();
  const first = await port();
  credentials.set(await credentialsOf(renewed));
  await Bun.sleep(20);
  using after = await asOwner(renewed);
  expect(await readAll(after)).toBe(Code.ok);
  expect(await port()).toBe(first);
  tree.logger("news").info("still there");
  const { value } = await next;
  expect(value?.streamEntries).toHaveLength(1);
  await stream.return?.();
});

test("api follows its cluster's CA: the old cluster's owner stays outside", async () => {
  credentials.set(await credentialsOf(nodeKey, otherCa));
  await port();
  credentials.set(await credentialsOf(nodeKey));
  await Bun.sleep(20);
  using old = await dial(userKey, await userOf(otherCa));
  expect(await readAll(old)).toBe(Code.unauthenticated);
  using owner = await asOwner();
  expect(await readAll(owner)).toBe(Code.ok);
});
