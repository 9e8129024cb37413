// What is told of calls that failed, by real connections that fail.
import { expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { type ConnectOptions, connect, NoConnectionError } from "./rpc.ts";
import { failure } from "./test-pair.ts";
import { testSocks } from "./test-socks.ts";

/** Something on loopback that is no server of ours. */
async function stranger(meet: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    meet(socket);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const bound = server.address();
  const target = `127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
  return { target, [Symbol.dispose]: () => void server.close() };
}

async function told(options: Partial<ConnectOptions> & { readonly target: string }) {
  const credentials = { verify: () => {} };
  using channel = connect({ credentials, handshakeMs: 300, ...options });
  const error = await failure(channel.client(Health).check({}, { timeoutMs: 5_000 }));
  expect(error).toBeInstanceOf(NoConnectionError);
  return error instanceof Error ? error.message : "";
}

const html = (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");

test.each([
  ["127.0.0.1:1", "no connection: connect ECONNREFUSED 127.0.0.1:1"],
  ["unix:/nowhere/socket", "no connection: connect ENOENT /nowhere/socket"],
  ["nowhere.invalid:7835", "no connection: the name nowhere.invalid is not known here"],
])("a call to %s says why there is no connection, and nothing else", async (target, text) => {
  expect(await told({ target })).toBe(text);
});

test.each([
  [(socket: Socket) => socket.end(), "no connection: the server closed the connection"],
  [(_: Socket) => {}, "no connection: handshake timed out"],
  [html, "no connection: what answers does not speak TLS, is it another service's port?"],
])("a call to what is no server of ours says so", async (meet, text) => {
  using server = await stranger(meet);
  expect(await told({ target: server.target })).toBe(text);
});

test("a call without TLS to what is no server of ours says so", async () => {
  using server = await stranger(html);
  expect(await told({ target: server.target, credentials: "plain" })).toBe(
    "no connection: what answers does not speak gRPC, is it another service's port?",
  );
});

test("a call through a proxy names it", async () => {
  using refusing = await testSocks({ refuse: true });
  using other = await stranger(html);
  const target = "127.0.0.1:7835";
  expect(await told({ target, proxy: "127.0.0.1:1" })).toBe(
    "no connection through proxy 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1",
  );
  expect(await told({ target, proxy: other.target })).toBe(
    `no connection through proxy ${other.target}: what answers there is no SOCKS5 proxy`,
  );
  expect(await told({ target, proxy: refusing.address })).toBe(
    `no connection through proxy ${refusing.address}: nothing listens there`,
  );
});

test("a call that had no time says what it waited for", async () => {
  using server = await stranger(() => {});
  using channel = connect({ target: server.target, credentials: { verify: () => {} } });
  const error = await failure(channel.client(Health).check({}, { timeoutMs: 3 }));
  expect(String(error)).toMatch(/^RpcError: no connection within 0\.\d+ s$/);
});
