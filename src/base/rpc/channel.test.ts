// Connections that come and go: servers away, mute, closing, or behind a socket file.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { Code, connect, RpcError, serve, service } from "./rpc.ts";
import { aborted, endless, failure, Pair } from "./test-pair.ts";

test("calls fail at once where nobody listens", async () => {
  using channel = connect({ target: "127.0.0.1:1", credentials: "plain" });
  const began = performance.now();
  expect(await failure(channel.client(Health).check({}))).toMatchObject({ code: Code.unavailable });
  const watching = Array.fromAsync(channel.client(Health).watch({}));
  expect(await failure(watching)).toMatchObject({ code: Code.unavailable });
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("a server that accepts and says nothing is given up", async () => {
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => mute.once("listening", resolve));
  const address = mute.address();
  const port = typeof address === "object" ? address?.port : 0;
  using channel = connect({
    target: `127.0.0.1:${port}`,
    credentials: "plain",
    handshakeMs: 200,
  });
  const watching = Array.fromAsync(channel.client(Health).watch({}));
  expect(await failure(watching)).toMatchObject({ code: Code.unavailable });
  mute.close();
});

test("a closed channel ends its calls and takes no others", async () => {
  const handler = endless();
  await using pair = await Pair.start(handler);
  const call = failure(pair.health.check({}));
  await handler.started;
  pair.channel.close();
  expect(await failure(pair.health.check({}))).toMatchObject({ code: Code.unavailable });
  expect(await call).toBeInstanceOf(RpcError);
});

test("close lets running calls end, and takes no others", async () => {
  const begun = Promise.withResolvers<void>();
  await using pair = await Pair.start({
    check: async () => {
      begun.resolve();
      await Bun.sleep(100);
      return { status: 1 };
    },
  });
  const call = pair.health.check({});
  await begun.promise;
  const closing = pair.server.close(2_000);
  expect((await call).status).toBe(1);
  await closing;
  expect(await failure(pair.health.check({}))).toMatchObject({ code: Code.unavailable });
});

test("close ends streams that would go on for ever", async () => {
  const handler = endless();
  await using pair = await Pair.start(handler);
  const call = failure(pair.health.check({}));
  const signal = await handler.started;
  const began = performance.now();
  await pair.server.close(50);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(await call).toMatchObject({ code: Code.unavailable });
  expect(await aborted(signal)).toBe(true);
});

test("a client finds a server again that was away", async () => {
  const pair = await Pair.start({ check: async () => ({ status: 1 }) });
  const { port } = pair.server;
  expect((await pair.health.check({})).status).toBe(1);
  await pair.server.close(0);
  expect(await failure(pair.health.check({}))).toMatchObject({ code: Code.unavailable });
  await using again = await Pair.start(
    { check: async () => ({ status: 2 }) },
    { listen: { host: "127.0.0.1", port } },
  );
  expect(again.server.port).toBe(port);
  for (let attempt = 0; attempt < 50; attempt++) {
    const answer = await pair.health.check({}).catch(() => undefined);
    if (answer?.status === 2) return pair.channel.close();
    await Bun.sleep(50);
  }
  expect("found again").toBe("never");
});

test("unix sockets work and carry no address", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rpc-"));
  const path = join(folder, "a.sock");
  await using server = await serve({
    services: [
      service(Health, { check: async (_, call) => ({ status: call.remoteAddress.length }) }),
    ],
    authorize: () => {},
    listen: { unix: path },
  });
  expect(server.port).toBe(0);
  using channel = connect({ target: `unix:${path}`, credentials: "plain" });
  expect((await channel.client(Health).check({})).status).toBe(0);
  rmSync(folder, { recursive: true });
});

test("a port that is taken is an error of serve", async () => {
  await using pair = await Pair.start({});
  const taken = Pair.start({}, { listen: { host: "127.0.0.1", port: pair.server.port } });
  expect(await failure(taken)).toMatchObject({ code: "EADDRINUSE" });
});

test("a server of both families knows IPv4 by its own form", async () => {
  const seen: string[] = [];
  await using server = await serve({
    services: [
      service(Health, {
        check: async (_, call) => {
          seen.push(call.remoteAddress);
          return {};
        },
      }),
    ],
    authorize: () => {},
    listen: { host: "::", port: 0 },
  });
  for (const host of ["127.0.0.1", "[::1]"]) {
    using channel = connect({ target: `${host}:${server.port}`, credentials: "plain" });
    await channel.client(Health).check({});
  }
  expect(seen).toEqual(["127.0.0.1", "::1"]);
});
