// Streams, both ways: order, back-pressure, and every way in which they end.
import { expect, test } from "bun:test";
import { Code, RpcError } from "./rpc.ts";
import { aborted, failure, Pair } from "./test-pair.ts";

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
