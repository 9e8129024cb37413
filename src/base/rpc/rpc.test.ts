// Whole calls, client to server, in plain: what arrives, what ends them, and
// what the other side sees of it.
import { expect, test } from "bun:test";
import { Code, codeName, RpcError } from "./rpc.ts";
import { toCode } from "./rpc-error.ts";
import { aborted, endless, failure, Pair } from "./test-pair.ts";

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

test("codes have names, and numbers of others are unknown", () => {
  expect(codeName(Code.notFound)).toBe("notFound");
  expect(toCode(5)).toBe(Code.notFound);
  expect(toCode(77)).toBe(Code.unknown);
});
