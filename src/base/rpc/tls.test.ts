// TLS both ways: who is let in, what each side learns of the other, and what
// is refused.
import { expect, test } from "bun:test";
import { createServer, connect as dial } from "node:tls";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { issueCa, issueNode, issueUser, selfSigned, validFor } from "../pki/certificate.ts";
import { certificateDer, certificatePem, generateKeyPair, privateKeyPem } from "../pki/keys.ts";
import { selfSignedKey, verifyNode, verifyPeer } from "../pki/verify.ts";
import { type Call, type ClientTls, Code, connect, serve, service } from "./rpc.ts";
import { failure } from "./test-pair.ts";
import { testSocks } from "./test-socks.ts";

const caKeys = generateKeyPair();
const ca = { keyPair: caKeys, certificate: await issueCa(caKeys) };

async function nodeTls() {
  const keyPair = generateKeyPair();
  const certificate = await issueNode(ca, keyPair.publicKey, validFor(1));
  return { keyPem: privateKeyPem(keyPair), certificatePem: certificatePem(certificate) };
}

async function ownerTls() {
  const keyPair = generateKeyPair();
  const certificate = await issueUser(ca, keyPair.publicKey, "owner", validFor(1));
  return { keyPem: privateKeyPem(keyPair), certificatePem: certificatePem(certificate) };
}

async function strangerTls() {
  const keyPair = generateKeyPair();
  const certificate = await selfSigned(keyPair);
  const tls = { keyPem: privateKeyPem(keyPair), certificatePem: certificatePem(certificate) };
  return { ...tls, publicKey: keyPair.publicKey };
}

/** A server that notes its calls. */
async function noting() {
  const calls: Call[] = [];
  const check = async (_: unknown, call: Call) => {
    calls.push(call);
    return { status: 1 };
  };
  const server = await serve({
    services: [service(Health, { check })],
    authorize: () => {},
    listen: { host: "127.0.0.1", port: 0 },
    tls: await nodeTls(),
  });
  return { server, calls, [Symbol.asyncDispose]: () => server.close(0) };
}

function caller(port: number, credentials: Partial<ClientTls> = {}, proxy?: string) {
  const verify = (der: Uint8Array) => void verifyNode(der, ca.certificate);
  return connect({
    target: `127.0.0.1:${port}`,
    credentials: { verify, ...credentials },
    proxy,
  });
}

test("a client learns the server's certificate, byte for byte", async () => {
  await using noted = await noting();
  const seen: Uint8Array[] = [];
  using channel = caller(noted.server.port, { verify: (der) => void seen.push(der) });
  await channel.client(Health).check({});
  expect(seen).toHaveLength(1);
  expect(verifyNode(seen[0] ?? new Uint8Array(), ca.certificate).kind).toBe("node");
});

test("a client that does not accept the server makes no call", async () => {
  await using noted = await noting();
  const foreign = await issueCa(generateKeyPair());
  using channel = caller(noted.server.port, { verify: (der) => void verifyNode(der, foreign) });
  const error = await failure(channel.client(Health).check({}));
  expect(error).toMatchObject({ code: Code.unavailable });
  expect(String(error)).toContain("not signed by the cluster's CA");
  expect(noted.calls).toEqual([]);
});

test("a server is shown the certificates of nodes, users and strangers alike", async () => {
  await using noted = await noting();
  const stranger = await strangerTls();
  for (const credentials of [await nodeTls(), await ownerTls(), stranger]) {
    using channel = caller(noted.server.port, credentials);
    await channel.client(Health).check({});
    const presented = noted.calls.at(-1)?.peerCertificates ?? [];
    expect(presented).toEqual([certificateDer(credentials.certificatePem)]);
  }
  const [node, owner, unknown] = noted.calls.map(({ peerCertificates }) => peerCertificates);
  expect(verifyPeer(node ?? [], ca.certificate).kind).toBe("node");
  expect(verifyPeer(owner ?? [], ca.certificate).kind).toBe("user");
  expect(selfSignedKey(unknown ?? [])).toEqual(stranger.publicKey);
});

test("a caller without a certificate has none, and an address", async () => {
  await using noted = await noting();
  using channel = caller(noted.server.port);
  await channel.client(Health).check({});
  expect(noted.calls[0]?.peerCertificates).toEqual([]);
  expect(noted.calls[0]?.remoteAddress).toBe("127.0.0.1");
});

test("a caller that shows a chain is known to have shown several", async () => {
  await using noted = await noting();
  const owner = await ownerTls();
  const certificatePemChain = owner.certificatePem + certificatePem(ca.certificate);
  using channel = caller(noted.server.port, { ...owner, certificatePem: certificatePemChain });
  await channel.client(Health).check({});
  expect(noted.calls[0]?.peerCertificates).toHaveLength(2);
});

test("a client refuses a server that shows a chain", async () => {
  const { keyPem, certificatePem: leaf } = await nodeTls();
  await using server = await serve({
    services: [],
    authorize: () => {},
    listen: { host: "127.0.0.1", port: 0 },
    tls: { keyPem, certificatePem: leaf + certificatePem(ca.certificate) },
  });
  using channel = caller(server.port, { verify: () => {} });
  expect(String(await failure(channel.client(Health).check({})))).toContain("exactly one");
});

test("reload changes the certificate of new connections, and keeps what else was set", async () => {
  await using noted = await noting();
  const next = await nodeTls();
  noted.server.reload(next);
  const seen: Uint8Array[] = [];
  const owner = await ownerTls();
  using channel = caller(noted.server.port, { ...owner, verify: (der) => void seen.push(der) });
  await channel.client(Health).check({});
  expect(seen).toEqual([certificateDer(next.certificatePem)]);
  // Still asks for certificates, and still refuses old versions.
  expect(noted.calls[0]?.peerCertificates).toHaveLength(1);
  const error = await oldHandshake(noted.server.port);
  expect(error).not.toBe("connected");
});

test("versions of TLS before 1.3 are refused", async () => {
  await using noted = await noting();
  expect(await oldHandshake(noted.server.port)).not.toBe("connected");
});

async function oldHandshake(port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const options = { port, host: "127.0.0.1", maxVersion: "TLSv1.2", rejectUnauthorized: false };
  const socket = dial({ ...options, maxVersion: "TLSv1.2" }, () => resolve("connected"));
  socket.on("error", (error) => resolve(String(error)));
  socket.on("close", () => resolve("closed"));
  const outcome = await promise;
  socket.destroy();
  return outcome;
}

test("a plain server, and one that is not HTTP/2, are errors and not hangs", async () => {
  await using plain = await serve({
    services: [],
    authorize: () => {},
    listen: { host: "127.0.0.1", port: 0 },
  });
  using toPlain = caller(plain.port, { verify: () => {} });
  expect(await failure(toPlain.client(Health).check({}, { timeoutMs: 3_000 }))).toMatchObject({
    code: Code.unavailable,
  });
  const { keyPem: key, certificatePem: cert } = await nodeTls();
  const other = createServer({ key, cert }, (socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 no\r\n\r\n");
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const address = other.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  using toOther = caller(port, { verify: () => {} });
  expect(await failure(toOther.client(Health).check({}, { timeoutMs: 3_000 }))).toMatchObject({
    code: Code.unavailable,
  });
  other.close();
});

test("calls pass through a SOCKS5 proxy, names unresolved", async () => {
  await using noted = await noting();
  using proxy = await testSocks();
  const owner = await ownerTls();
  using channel = caller(noted.server.port, owner, proxy.address);
  expect((await channel.client(Health).check({})).status).toBe(1);
  expect(noted.calls[0]?.peerCertificates).toHaveLength(1);
  using named = connect({
    target: `node.example:${noted.server.port}`,
    credentials: { verify: () => {} },
    proxy: proxy.address,
  });
  expect((await named.client(Health).check({})).status).toBe(1);
  expect(proxy.asked).toEqual([
    `127.0.0.1:${noted.server.port}`,
    `node.example:${noted.server.port}`,
  ]);
});

test("a proxy that refuses, and one that is away, make calls unavailable", async () => {
  using proxy = await testSocks({ refuse: true });
  for (const address of [proxy.address, "127.0.0.1:1"]) {
    using channel = caller(7835, { verify: () => {} }, address);
    const error = await failure(channel.client(Health).check({}));
    expect(error).toMatchObject({ code: Code.unavailable });
  }
});

test("plain calls pass through a proxy too", async () => {
  await using server = await serve({
    services: [],
    authorize: () => {},
    listen: { host: "127.0.0.1", port: 0 },
  });
  using proxy = await testSocks();
  using channel = connect({
    target: `127.0.0.1:${server.port}`,
    credentials: "plain",
    proxy: proxy.address,
  });
  expect((await channel.client(Health).check({})).status).toBe(1);
});

test("a target that is no host and port is refused at once where a proxy needs it", () => {
  const wrong = () => connect({ target: "nonsense", credentials: "plain", proxy: "127.0.0.1:1" });
  expect(wrong).toThrow("host:port");
});

test("nobody takes a session up again, which would need no key", async () => {
  await using noted = await noting();
  for (const renewed of [false, true]) {
    if (renewed) noted.server.reload(await nodeTls());
    const { keyPem, certificatePem: cert } = await ownerTls();
    const first = await handshake(noted.server.port, { key: keyPem, cert });
    const second = await handshake(noted.server.port, { session: first.session });
    expect([first.isReused, second.isReused]).toEqual([false, false]);
  }
});

/** A connection that waits for what a server gives for the next one. */
async function handshake(port: number, offer: Parameters<typeof dial>[0]) {
  const common = { host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"] };
  const socket = dial({ ...common, ...offer });
  let session: Buffer | undefined;
  socket.on("session", (given: Buffer) => {
    session = given;
  });
  // The server's first word in HTTP/2 comes after its tickets.
  await new Promise((resolve) => socket.once("data", resolve));
  const isReused = socket.isSessionReused();
  socket.destroy();
  return { isReused, session: session ?? socket.getSession() };
}
