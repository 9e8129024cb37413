// Servers that are silent for a while: who is told to waits, who can ask another goes.
import { expect, test } from "bun:test";
import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { Code, connect } from "./rpc.ts";
import { failure, Pair } from "./test-pair.ts";

/**
 * Longer than nodes want a server to be silent, at whatever moment the next ping goes out: one
 * goes every three seconds, and that is no parameter.
 */
const SILENCE_MS = 6_500;

/** A way to a server that can be told to carry nothing, and then all of it. */
async function relay(port: number) {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = createConnection(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => {});
    sockets.push(near, far);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  return {
    target: `127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    hold: () => sockets.map((socket) => socket.unpipe().pause()),
    go: () => {
      for (const [index, socket] of sockets.entries()) {
        const other = sockets[index ^ 1];
        if (other !== undefined) socket.pipe(other);
      }
    },
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** What becomes of a call to a server that is silent for {@link SILENCE_MS}. */
async function outcome(silenceMs: number | undefined): Promise<unknown> {
  const begun = Promise.withResolvers<void>();
  const silent = Promise.withResolvers<void>();
  const check = async () => {
    begun.resolve();
    await silent.promise;
    return {};
  };
  await using pair = await Pair.start({ check });
  using way = await relay(pair.server.port);
  using channel = connect({ target: way.target, credentials: "plain", silenceMs });
  const called = channel.client(Health).check({}, { timeoutMs: 20_000 });
  const ended = Promise.allSettled([called]);
  await begun.promise;
  way.hold();
  await Bun.sleep(SILENCE_MS);
  silent.resolve();
  way.go();
  const [result] = await ended;
  return result?.status === "fulfilled" ? "answered" : failure(called);
}

test("connect leaves a server that is silent for longer than nodes want", async () => {
  expect(await outcome(undefined)).toMatchObject({ code: Code.unavailable });
});

test("connect waits for a server as long as it is told to", async () => {
  expect(await outcome(10_000)).toBe("answered");
});
