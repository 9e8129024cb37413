// Whole calls, client to server, in plain: what arrives, what ends them, and
// what the other side sees of it.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  type Call,
  type Channel,
  Code,
  codeName,
  connect,
  type Handler,
  RpcError,
  type ServeOptions,
  type Server,
  serve,
  service,
} from "./rpc.ts";
import { toCode } from "./rpc-error.ts";

type Check = Handler<typeof Health.method.check>;
type Watch = Handler<typeof Health.method.watch>;
type Info = Handler<typeof ServerReflection.method.serverReflectionInfo>;

interface Handlers {
  readonly check?: Check;
  readonly watch?: Watch;
  readonly serverReflectionInfo?: Info;
}

/** A server with these handlers, and a channel to it. */
class Pair implements AsyncDisposable {
  readonly server: Server;
  readonly channel: Channel;
  readonly errors: unknown[] = [];

  private constructor(server: Server, errors: unknown[]) {
    this.server = server;
    this.errors = errors;
    this.channel = connect({ target: `127.0.0.1:${server.port}`, credentials: "plain" });
  }

  static async start(handlers: Handlers, options: Partial<ServeOptions> = {}): Promise<Pair> {
    const errors: unknown[] = [];
    const server = await serve({
      services: [service(Health, handlers), service(ServerReflection, handlers)],
      authorize: () => {},
      listen: { host: "127.0.0.1", port: 0 },
      onError: (method, error) => errors.push(method.name, error),
      withHealth: false,
      withReflection: false,
      ...options,
    });
    return new Pair(server, errors);
  }

  get health() {
    return this.channel.client(Health);
  }

  get reflection() {
    return this.channel.client(ServerReflection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.close();
    await this.server.close(0);
  }
}

/** How a call failed: bun's own `rejects` would hold up the connection. */
async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

/** A handler that never ends by itself, with the signal it was given. */
function endless() {
  const started = Promise.withResolvers<AbortSignal>();
  const wait = async ({ signal }: Call) => {
    started.resolve(signal);
    await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return { status: 0 };
  };
  return { started: started.promise, check: (_: unknown, call: Call) => wait(call) };
}

/** Resolves when a signal aborts. */
async function aborted(signal: AbortSignal): Promise<true> {
  if (signal.aborted) return true;
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(true), { once: true });
  });
}

test("a unary call reaches its handler and comes back", async () => {
  await using pair = await Pair.start({
    check: async ({ service: name }) => ({ status: name === "x" ? 1 : 2 }),
  });
  expect((await pair.health.check({ service: "x" })).status).toBe(1);
  expect((await pair.health.check({ service: "y" })).status).toBe(2);
});

test.each(Object.entries(Code).filter(([name]) => name !== "ok"))(
  "an RpcError with code %s arrives as it is",
  async (_, code) => {
    await using pair = await Pair.start({
      check: async () => {
        throw new RpcError(code, "the reason: ü %20");
      },
    });
    const error = await failure(pair.health.check({}));
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code, message: "the reason: ü %20" });
    expect(pair.errors).toEqual([]);
  },
);

test("any other error becomes internal without its text, and is told to onError", async () => {
  const secret = new TypeError("the key is hunter2");
  await using pair = await Pair.start({
    check: async () => {
      throw secret;
    },
  });
  const error = await failure(pair.health.check({}));
  expect(error).toMatchObject({ code: Code.internal, message: "internal error" });
  expect(pair.errors).toEqual(["Check", secret]);
});

test("very long and broken error texts are cut and mended", async () => {
  await using pair = await Pair.start({
    check: async () => {
      throw new RpcError(Code.aborted, `\ud800${"x".repeat(100_000)}`);
    },
  });
  const error = await failure(pair.health.check({}));
  expect(error).toMatchObject({ code: Code.aborted });
  expect((error as RpcError).message).toHaveLength(2_000);
});

test("methods without a handler, and services unknown, are unimplemented", async () => {
  await using pair = await Pair.start({});
  expect(await failure(pair.health.check({}))).toMatchObject({ code: Code.unimplemented });
});

test("authorize is asked before the handler, and may name the peer", async () => {
  let handled = 0;
  await using pair = await Pair.start(
    {
      check: async (_, { peer }) => {
        handled++;
        return { status: peer?.kind === "user" ? 1 : 0 };
      },
      watch: async function* () {
        yield { status: ++handled };
      },
    },
    {
      authorize: (call) => {
        if (call.method.name === "Watch") throw new RpcError(Code.permissionDenied, "not you");
        call.peer = { kind: "user", name: "owner", publicKey: new Uint8Array(32) };
      },
    },
  );
  expect((await pair.health.check({})).status).toBe(1);
  const watching = Array.fromAsync(pair.health.watch({}));
  expect(await failure(watching)).toMatchObject({ code: Code.permissionDenied });
  expect(handled).toBe(1);
});

test("an error of authorize itself lets nobody in", async () => {
  await using pair = await Pair.start(
    { check: async () => ({}) },
    {
      authorize: () => {
        throw new TypeError("bug");
      },
    },
  );
  expect(await failure(pair.health.check({}))).toMatchObject({ code: Code.internal });
});

test("a deadline ends the call on both sides", async () => {
  const handler = endless();
  await using pair = await Pair.start(handler);
  const error = await failure(pair.health.check({}, { timeoutMs: 150 }));
  expect(error).toMatchObject({ code: Code.deadlineExceeded });
  expect(await aborted(await handler.started)).toBe(true);
  expect(pair.errors).toEqual([]);
});

test("the caller's signal ends the call on both sides", async () => {
  const handler = endless();
  await using pair = await Pair.start(handler);
  const stop = new AbortController();
  const call = failure(pair.health.check({}, { signal: stop.signal }));
  const signal = await handler.started;
  stop.abort();
  expect(await call).toMatchObject({ code: Code.cancelled });
  expect(await aborted(signal)).toBe(true);
  const late = await failure(pair.health.check({}, { signal: stop.signal }));
  expect(late).toMatchObject({ code: Code.cancelled });
});

test("a server stream arrives in order, then its error", async () => {
  await using pair = await Pair.start({
    watch: async function* () {
      for (let status = 0; status < 4; status++) yield { status };
      throw new RpcError(Code.dataLoss, "that was all");
    },
  });
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { status } of pair.health.watch({})) seen.push(status);
  })();
  expect(await failure(reading)).toMatchObject({ code: Code.dataLoss, message: "that was all" });
  expect(seen).toEqual([0, 1, 2, 3]);
});

test("breaking out of a stream ends its handler", async () => {
  const ended = Promise.withResolvers<string>();
  await using pair = await Pair.start({
    watch: async function* (_, { signal }) {
      try {
        for (let status = 0; ; status++) {
          signal.throwIfAborted();
          yield { status: status % 3 };
          await Bun.sleep(1);
        }
      } finally {
        ended.resolve("ended");
      }
    },
  });
  for await (const { status } of pair.health.watch({})) if (status === 2) break;
  expect(await ended.promise).toBe("ended");
});

test("a handler that is asleep is left behind when its caller goes", async () => {
  const gone = Promise.withResolvers<true>();
  await using pair = await Pair.start({
    watch: async function* (_, { signal }) {
      yield { status: 1 };
      void aborted(signal).then(gone.resolve);
      // Waits for something that never comes, and ignores its signal.
      await new Promise(() => {});
    },
  });
  for await (const _ of pair.health.watch({})) break;
  expect(await gone.promise).toBe(true);
});

test("a reader that stalls holds the handler up", async () => {
  let sent = 0;
  const big = "x".repeat(100_000);
  await using pair = await Pair.start({
    serverReflectionInfo: async function* () {
      for (; sent < 1_000; sent++) yield { validHost: big };
    },
  });
  const answers = pair.reflection.serverReflectionInfo([])[Symbol.asyncIterator]();
  await answers.next();
  await Bun.sleep(300);
  expect(sent).toBeLessThan(100);
  for (let count = 1; count < 1_000; count++) await answers.next();
  expect((await answers.next()).done).toBe(true);
});

test("a bidirectional call answers while questions still come", async () => {
  await using pair = await Pair.start({
    serverReflectionInfo: async function* (questions) {
      for await (const { host } of questions) yield { validHost: host.toUpperCase() };
    },
  });
  const answered: string[] = [];
  let turn = Promise.withResolvers<void>();
  async function* questions() {
    for (const host of ["a", "b", "c"]) {
      yield { host };
      await turn.promise;
      turn = Promise.withResolvers();
    }
  }
  for await (const { validHost } of pair.reflection.serverReflectionInfo(questions())) {
    answered.push(validHost);
    turn.resolve();
  }
  expect(answered).toEqual(["A", "B", "C"]);
});

test("a handler may answer and end without waiting for the last question", async () => {
  await using pair = await Pair.start({
    serverReflectionInfo: async function* (questions) {
      for await (const { host } of questions) {
        yield { validHost: host };
        return;
      }
    },
  });
  async function* questions() {
    yield { host: "only" };
    await new Promise(() => {});
  }
  const answers = await Array.fromAsync(pair.reflection.serverReflectionInfo(questions()));
  expect(answers.map(({ validHost }) => validHost)).toEqual(["only"]);
});

test("a source of questions that fails tells its own error", async () => {
  await using pair = await Pair.start({
    serverReflectionInfo: async function* (questions) {
      for await (const { host } of questions) yield { validHost: host };
    },
  });
  async function* questions() {
    yield { host: "a" };
    throw new TypeError("source broke");
  }
  const answers = Array.fromAsync(pair.reflection.serverReflectionInfo(questions()));
  expect(await failure(answers)).toMatchObject({ message: "source broke" });
});

test("requests beyond the limit are refused, the connection lives on", async () => {
  await using pair = await Pair.start({ check: async () => ({ status: 1 }) });
  const tooLong = { service: "x".repeat(16 << 20) };
  expect(await failure(pair.health.check(tooLong))).toMatchObject({ code: Code.resourceExhausted });
  expect((await pair.health.check({ service: "x".repeat(3 << 20) })).status).toBe(1);
});

test("responses of several megabytes pass, beyond the client's limit not", async () => {
  await using pair = await Pair.start({
    serverReflectionInfo: async function* (questions) {
      for await (const { host } of questions) yield { validHost: "x".repeat(Number(host)) };
    },
  });
  const ask = (host: string) => Array.fromAsync(pair.reflection.serverReflectionInfo([{ host }]));
  expect((await ask(`${8 << 20}`))[0]?.validHost).toHaveLength(8 << 20);
  expect(await failure(ask(`${17 << 20}`))).toMatchObject({ code: Code.resourceExhausted });
});

test("many calls at once share a connection", async () => {
  await using pair = await Pair.start({
    check: async ({ service: name }) => {
      await Bun.sleep(5);
      return { status: Number(name) % 3 };
    },
  });
  const calls = Array.from({ length: 600 }, (_, index) =>
    pair.health.check({ service: String(index) }),
  );
  const answers = await Promise.all(calls);
  expect(answers.every(({ status }, index) => status === index % 3)).toBe(true);
});

test("calls fail at once where nobody listens", async () => {
  using channel = connect({ target: "127.0.0.1:1", credentials: "plain" });
  const began = performance.now();
  expect(await failure(channel.client(Health).check({}))).toMatchObject({ code: Code.unavailable });
  const watching = Array.fromAsync(channel.client(Health).watch({}));
  expect(await failure(watching)).toMatchObject({ code: Code.unavailable });
  expect(performance.now() - began).toBeLessThan(2_000);
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
  expect(performance.now() - began).toBeLessThan(1_000);
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

test("codes have names, and numbers of others are unknown", () => {
  expect(codeName(Code.notFound)).toBe("notFound");
  expect(toCode(5)).toBe(Code.notFound);
  expect(toCode(77)).toBe(Code.unknown);
});
