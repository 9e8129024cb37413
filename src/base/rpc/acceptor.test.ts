// Hostile connections: what they get, and that others do not feel it.
import { expect, test } from "bun:test";
import { connect as connectHttp2 } from "node:http2";
import { connect as dial, type Socket } from "node:net";
import { connect as dialTls, type TLSSocket } from "node:tls";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { issueCa, issueUser, selfSigned, validFor } from "../pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../pki/keys.ts";
import { verifyPeer } from "../pki/verify.ts";
import { Code, connect, memberOf, RpcError, type ServeLimits, serve, service } from "./rpc.ts";
import { failure } from "./test-pair.ts";

const caKeys = generateKeyPair();
const ca = { keyPair: caKeys, certificate: await issueCa(caKeys) };
const serverKeys = generateKeyPair();
const tls = {
  keyPem: privateKeyPem(serverKeys),
  certificatePem: certificatePem(await selfSigned(serverKeys)),
};
const owner = {
  keyPem: privateKeyPem(serverKeys),
  certificatePem: certificatePem(await issueUser(ca, serverKeys.publicKey, "owner", validFor(1))),
  verify: () => {},
};
const nobody = { verify: () => {} };

/** A server that answers everything, within limits. */
function guarded(limits: Partial<ServeLimits> = {}, isNode = () => false) {
  return serve({
    services: [
      service(Health, { check: async () => ({ status: 1 }) }),
      service(ServerReflection, {
        serverReflectionInfo: async function* (questions) {
          for await (const { host } of questions) yield { validHost: host };
        },
      }),
    ],
    authorize: (call) => {
      if (memberOf(() => ca.certificate)(call.peerCertificates)) {
        call.peer = verifyPeer(call.peerCertificates, ca.certificate);
      }
    },
    isMember: memberOf(() => ca.certificate),
    isNode,
    listen: { host: "127.0.0.1", port: 0 },
    tls,
    limits,
  });
}

function check(port: number, credentials: typeof owner | typeof nobody, service = "") {
  const channel = connect({ target: `127.0.0.1:${port}`, credentials });
  return channel
    .client(Health)
    .check({ service }, { timeoutMs: 5_000 })
    .finally(() => channel.close());
}

/** Resolves when the other side has closed the connection. */
async function closed(socket: Socket): Promise<true> {
  socket.on("error", () => {});
  socket.resume();
  return new Promise((resolve) => socket.once("close", () => resolve(true)));
}

/** A connection that has shaken hands and then says nothing. */
async function idle(port: number, proof?: typeof owner): Promise<TLSSocket> {
  const options = { port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] };
  const own = proof === undefined ? {} : { key: proof.keyPem, cert: proof.certificatePem };
  const socket = dialTls({ ...options, ...own });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  return socket;
}

test.each([
  ["HTTP/1", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"],
  ["noise", Buffer.from(crypto.getRandomValues(new Uint8Array(4_096)))],
  ["half a TLS record", Buffer.of(0x16, 3, 1, 0x40, 0)],
  ["a preface of HTTP/2 in plain", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
])("%s on the port is closed, and others go on", async (_, bytes) => {
  await using server = await guarded({ handshakeMs: 2_000 });
  const socket = dial(server.port, "127.0.0.1");
  socket.write(bytes);
  expect(await closed(socket)).toBe(true);
  expect((await check(server.port, owner)).status).toBe(1);
});

test("a connection that never begins TLS is closed in time", async () => {
  await using server = await guarded({ handshakeMs: 200 });
  expect(await closed(dial(server.port, "127.0.0.1"))).toBe(true);
});

test("a client without HTTP/2 is closed", async () => {
  await using server = await guarded();
  const socket = dialTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
  expect(await closed(socket)).toBe(true);
});

test("noise inside TLS ends its connection only", async () => {
  await using server = await guarded();
  const socket = await idle(server.port);
  socket.write(Buffer.from(crypto.getRandomValues(new Uint8Array(70_000))));
  expect(await closed(socket)).toBe(true);
  expect((await check(server.port, owner)).status).toBe(1);
});

test("of idle strangers the oldest gives way to the newest", async () => {
  await using server = await guarded({ strangers: 3 });
  const sockets: Socket[] = [];
  for (let count = 0; count < 3; count++) sockets.push(await idle(server.port));
  const [first, second] = sockets.map(closed);
  expect((await check(server.port, nobody)).status).toBe(1);
  expect(await first).toBe(true);
  const undisturbed = await Promise.race([second, Bun.sleep(50)]);
  expect(undisturbed).toBeUndefined();
  for (const socket of sockets) socket.destroy();
});

test("members are not counted among the strangers", async () => {
  await using server = await guarded({ strangers: 1 });
  using member = connect({ target: `127.0.0.1:${server.port}`, credentials: owner });
  await member.client(Health).check({});
  for (let count = 0; count < 5; count++) await check(server.port, nobody);
  const answers = member.client(ServerReflection).serverReflectionInfo([{ host: "still here" }]);
  expect((await Array.fromAsync(answers))[0]?.validHost).toBe("still here");
});

test("an idle connection is closed after its time", async () => {
  await using server = await guarded({ idleMs: 200 });
  expect(await closed(await idle(server.port))).toBe(true);
});

test("strangers may send short requests, members longer ones", async () => {
  await using server = await guarded();
  const long = "x".repeat(1 << 20);
  expect((await check(server.port, nobody, "x".repeat(60_000))).status).toBe(1);
  expect(await failure(check(server.port, nobody, long))).toMatchObject({
    code: Code.resourceExhausted,
  });
  expect((await check(server.port, owner, long)).status).toBe(1);
});

/** Open calls of strangers: each has had its first answer, and gets no other before `over`. */
async function openCalls(port: number, count: number, over: Promise<void>) {
  const channel = connect({ target: `127.0.0.1:${port}`, credentials: nobody });
  async function* questions() {
    yield { host: "a" };
    await over;
  }
  const streams = Array.from({ length: count }, () =>
    channel.client(ServerReflection).serverReflectionInfo(questions())[Symbol.asyncIterator](),
  );
  for (const stream of streams) await stream.next();
  return { streams, [Symbol.dispose]: () => channel.close() };
}

test("of strangers' calls the oldest give way to the newest, members are not held up", async () => {
  await using server = await guarded({ strangerCalls: 2 });
  const over = Promise.withResolvers<void>();
  using open = await openCalls(server.port, 2, over.promise);
  expect((await check(server.port, nobody)).status).toBe(1);
  const [first, second] = open.streams;
  expect(await failure(first?.next() ?? Promise.resolve())).toMatchObject({
    code: Code.resourceExhausted,
  });
  expect((await check(server.port, owner)).status).toBe(1);
  over.resolve();
  expect((await second?.next())?.done).toBe(true);
});

test("a stranger's call ends after its time, a member's does not", async () => {
  await using server = await guarded({ strangerCallMs: 100 });
  const over = Promise.withResolvers<void>();
  using open = await openCalls(server.port, 1, over.promise);
  using member = connect({ target: `127.0.0.1:${server.port}`, credentials: owner });
  const watching = member.client(ServerReflection).serverReflectionInfo(
    (async function* () {
      yield { host: "a" };
      await over.promise;
      yield { host: "b" };
    })(),
  );
  const own = watching[Symbol.asyncIterator]();
  await own.next();
  expect(await failure(open.streams[0]?.next() ?? Promise.resolve())).toMatchObject({
    code: Code.deadlineExceeded,
  });
  over.resolve();
  expect((await own.next()).value?.validHost).toBe("b");
});

async function codeOf(call: Promise<unknown>): Promise<Code> {
  const error = await failure(call);
  return error instanceof RpcError ? error.code : Code.unknown;
}

/** The reason may be told, or be lost with the connection. */
const refusals: readonly Code[] = [Code.unavailable, Code.resourceExhausted];

test("strangers who call too often have to dial again, members do not", async () => {
  const strangerCallRate = { burst: 3, perSecond: 0.001 };
  await using server = await guarded({ strangerCallRate });
  using channel = connect({ target: `127.0.0.1:${server.port}`, credentials: nobody });
  for (let count = 0; count < 3; count++) await channel.client(Health).check({});
  expect(refusals).toContain(await codeOf(channel.client(Health).check({})));
  for (let count = 0; count < 6; count++) await check(server.port, owner);
  // From where a member has come strangers have more: they may be machines behind one address.
  expect((await check(server.port, nobody)).status).toBe(1);
});

test.each([
  ["of no method here", { ":path": "/nowhere" }],
  ["of no gRPC", { "content-type": "text/plain" }],
])("what is %s counts as a call all the same", async (_, header) => {
  const rate = { burst: 3, perSecond: 0.001 };
  await using server = await guarded({ strangerCallRate: rate });
  const http2 = connectHttp2(`https://127.0.0.1:${server.port}`, { rejectUnauthorized: false });
  http2.on("error", () => {});
  const ended = new Promise((resolve) => http2.once("close", resolve));
  const head = { ":method": "POST", ":path": "/x", "content-type": "application/grpc" };
  for (let count = 0; count < 5; count++) {
    const stream = http2.request({ ...head, ...header });
    stream.on("error", () => {}).resume();
    stream.end();
  }
  await ended;
});

test("a node may begin only so many calls, on all its connections; a user any number", async () => {
  const nodeCallRate = { burst: 3, perSecond: 0.001 };
  await using server = await guarded({ nodeCallRate }, () => true);
  for (let count = 0; count < 3; count++) await check(server.port, owner);
  expect(refusals).toContain(await codeOf(check(server.port, owner)));
  await using other = await guarded({ nodeCallRate }, () => false);
  for (let count = 0; count < 6; count++) await check(other.port, owner);
});

test("an address may begin only so many connections, one of members more", async () => {
  const limits = { connectionRate: { burst: 3, perSecond: 0.001 } };
  await using server = await guarded(limits);
  for (let count = 0; count < 3; count++) await check(server.port, nobody);
  expect(await failure(check(server.port, owner))).toMatchObject({ code: Code.unavailable });
  await using other = await guarded(limits);
  await check(other.port, owner);
  for (let count = 0; count < 6; count++) await check(other.port, nobody);
});

test("of handshakes that go on the oldest of an address gives way", async () => {
  await using server = await guarded({ handshakesPerAddress: 3 });
  const sockets = Array.from({ length: 4 }, () => dial(server.port, "127.0.0.1"));
  const [first, second] = sockets.map(closed);
  expect(await first).toBe(true);
  expect((await check(server.port, owner)).status).toBe(1);
  const undisturbed = await Promise.race([second, Bun.sleep(50)]);
  for (const socket of sockets) socket.destroy();
  // The owner's own handshake was one more.
  expect(undisturbed).toBe(true);
});

test("one certificate has only so many connections and calls", async () => {
  await using server = await guarded({ connectionsPerMember: 2, callsPerMember: 1 });
  const over = Promise.withResolvers<void>();
  using member = connect({ target: `127.0.0.1:${server.port}`, credentials: owner });
  const stream = member.client(ServerReflection).serverReflectionInfo(
    (async function* () {
      yield { host: "a" };
      await over.promise;
    })(),
  );
  await stream[Symbol.asyncIterator]().next();
  expect(await failure(member.client(Health).check({}))).toMatchObject({
    code: Code.resourceExhausted,
  });
  over.resolve();
});

test("compressed requests are refused, whoever sends them", async () => {
  await using server = await guarded();
  const socket = await idle(server.port, owner);
  socket.pause();
  // Our own client never compresses.
  const session = connectHttp2("https://127.0.0.1", { createConnection: () => socket });
  const request = session.request({
    ...{ ":method": "POST", ":path": "/grpc.health.v1.Health/Check", te: "trailers" },
    ...{ "content-type": "application/grpc", "grpc-encoding": "gzip" },
  });
  const headers = await new Promise<unknown>((resolve) => request.once("response", resolve));
  expect(headers).toMatchObject({ "grpc-status": String(Code.unimplemented) });
  session.destroy();
});

test("who is revoked loses his connection, and his place with it", async () => {
  let isKnown = true;
  await using server = await serve({
    services: [service(Health, { check: async () => ({ status: 1 }) })],
    ...{ authorize: () => {}, isMember: () => isKnown, tls, limits: { revokedGraceMs: 50 } },
    listen: { host: "127.0.0.1", port: 0 },
  });
  const socket = await idle(server.port, owner);
  await Bun.sleep(20);
  isKnown = false;
  server.revoke(() => true);
  expect(await closed(socket)).toBe(true);
});

test("a request that does not arrive in time ends its call", async () => {
  await using server = await guarded({ requestMs: 100 });
  const { ClientCall } = await import("./client-call.ts");
  const { Channel } = await import("@grpc/grpc-js");
  const { ChannelCredentials } = await import("./credentials.ts");
  const facts = { through: undefined, isReady: () => true, handshakeMs: 1_000 };
  const credentials = new ChannelCredentials(owner, facts);
  const channel = new Channel(`127.0.0.1:${server.port}`, credentials, {});
  // Never sends its request, nor says that it will not.
  const call = new ClientCall(
    { channel, proxy: undefined, calls: new Set() },
    Health.method.check,
    {},
  );
  expect(await failure(call.read())).toMatchObject({ code: Code.deadlineExceeded });
  channel.close();
});

test("500 idle connections, noise and long messages leave the server well", async () => {
  await using server = await guarded({ connectionRate: { burst: 1_000, perSecond: 1 } });
  const before = process.memoryUsage().rss;
  const sockets: Socket[] = [];
  for (let count = 0; count < 10; count++) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => idle(server.port)))));
  }
  const long = "x".repeat(16 << 20);
  for (let count = 0; count < 5; count++) {
    expect(await failure(check(server.port, owner, long))).toMatchObject({
      code: Code.resourceExhausted,
    });
    const noise = dial(server.port, "127.0.0.1");
    noise.on("error", () => {});
    noise.end(crypto.getRandomValues(new Uint8Array(1_000)));
  }
  const began = performance.now();
  expect((await check(server.port, owner)).status).toBe(1);
  expect(performance.now() - began).toBeLessThan(5_000);
  for (const socket of sockets) socket.destroy();
  Bun.gc(true);
  // Both ends are in this process, and the client's copies of long messages too.
  expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20);
});
