// Streams through a relay, real sockets on both sides.
import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRelay } from "./relay.ts";

/** Returns everything it is sent, once the sender has finished. */
async function echoServer(): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

/** Sends bytes, finishes, and gives all that comes back. */
async function exchange(port: number, bytes: Uint8Array): Promise<Uint8Array> {
  const socket = createConnection({ host: "127.0.0.1", port, allowHalfOpen: true });
  const chunks: Uint8Array[] = [];
  socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
  socket.end(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  return Buffer.concat(chunks);
}

test("startRelay carries a stream through two relays and a unix socket, unchanged", async () => {
  const { server, port } = await echoServer();
  const path = join(mkdtempSync(join(tmpdir(), "relay-")), "s");
  const inner = await startRelay({ path }, { host: "127.0.0.1", port });
  const outer = await startRelay({ host: "127.0.0.1", port: 0 }, { path });
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const many = Buffer.concat(Array.from({ length: 20 }, () => bytes));
  expect(Buffer.compare(await exchange(outer.port, many), many)).toBe(0);
  outer.close();
  inner.close();
  server.close();
});

test("startRelay carries many streams at once", async () => {
  const { server, port } = await echoServer();
  const relay = await startRelay({ host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port });
  const texts = Array.from({ length: 50 }, (_, index) => Buffer.from(`stream ${index}`));
  const back = await Promise.all(texts.map((text) => exchange(relay.port, text)));
  expect(back.map(String)).toEqual(texts.map(String));
  relay.close();
  server.close();
});

test("startRelay hangs up when nobody listens behind it", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "relay-")), "missing");
  const relay = await startRelay({ host: "127.0.0.1", port: 0 }, { path });
  expect(await exchange(relay.port, Buffer.from("hello"))).toHaveLength(0);
  relay.close();
});

test("startRelay takes over a socket file that its last owner left", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "relay-")), "s");
  const to = { host: "127.0.0.1", port: 1 };
  (await startRelay({ path }, to)).close();
  (await startRelay({ path }, to)).close();
});

test("startRelay rejects when its port is taken", async () => {
  const { server, port } = await echoServer();
  const taken = startRelay({ host: "127.0.0.1", port }, { host: "127.0.0.1", port: 1 });
  await expect(taken).rejects.toThrow("EADDRINUSE");
  server.close();
});
