// Tests of finding the leader, and of calls that outlive it.
import { expect, test } from "bun:test";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { leaderChannel } from "./leader-channel.ts";
import type { CallOptions } from "./method.ts";
import { Code, connect, type Endpoint, type Known, RpcError } from "./rpc.ts";
import { codeOf } from "./test-call.ts";
import { aborted, failure, type Handlers, Pair } from "./test-pair.ts";

const timing = { locateMs: 2_000, pauseMs: 10, doubtMs: 50, deadlineMs: 5_000, watchMs: 60_000 };

function at(target: string, id = ""): Endpoint {
  return { target, id };
}

function dial({ target }: Endpoint) {
  return connect({ target, credentials: "plain" });
}

/** Servers any of which is believed. */
function anybody(seeds: readonly string[]): Known {
  return { seeds: seeds.map((seed) => at(seed)), members: new Set() };
}

/** Servers of which one leads; each answers with its own number as status. */
class Group implements AsyncDisposable {
  readonly pairs: Pair[] = [];
  leader = 0;

  static async start(...handlers: readonly Handlers[]): Promise<Group> {
    const group = new Group();
    for (const each of handlers) group.pairs.push(await Pair.start(each));
    return group;
  }

  target(index: number): string {
    return `127.0.0.1:${this.pairs[index]?.server.port}`;
  }

  channel(seeds = this.pairs.map((_, index) => this.target(index))) {
    return leaderChannel({
      known: () => anybody(seeds),
      dial,
      locate: (seed, options) => this.locate(seed, options),
      timing,
    });
  }

  /** Only a server that answers can tell who leads, as on a real member. */
  async locate(seed: Endpoint, options: CallOptions) {
    using server = dial(seed);
    await server.client(Health).check({ service: "who leads" }, options);
    return { by: seed.target, leader: at(this.target(this.leader)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pair of this.pairs) await pair[Symbol.asyncDispose]();
  }
}

/** A server that leads, with a number. */
function leading(status: number): Handlers {
  return { check: async () => ({ status }) };
}

/** One that tells who leads, and answers nothing else. */
const following: Handlers = {
  check: async ({ service }) => {
    if (service === "who leads") return {};
    throw new RpcError(Code.unimplemented, "this member does not lead");
  },
};

test("it calls a leader where he has answered, not where a faster one says that he is", async () => {
  await using group = await Group.start(leading(2), following);
  const dialled: string[] = [];
  const seeds = [at(group.target(0), "a"), at(group.target(1), "b")];
  using channel = leaderChannel({
    known: () => ({ seeds, members: new Set(["a", "b", "c"]) }),
    dial: (endpoint) => {
      dialled.push(endpoint.target);
      return dial(endpoint);
    },
    locate: async (seed) => {
      if (seed.id === "b") return { by: "b", leader: at("192.0.2.1:1", "a") };
      await Bun.sleep(10);
      return { by: "a", leader: at(seed.target, "a") };
    },
    timing: { ...timing, pauseMs: 1_000 },
  });
  expect((await channel.client(Health).check({})).status).toBe(2);
  expect(dialled).toEqual([group.target(0)]);
});

test("it asks any server for the leader, and calls that", async () => {
  await using group = await Group.start(following, leading(2));
  group.leader = 1;
  using channel = group.channel([group.target(0)]);
  expect((await channel.client(Health).check({})).status).toBe(2);
});

test("a call goes on with the next leader when the leader goes, or ceases to lead", async () => {
  await using group = await Group.start(leading(1), leading(2), following);
  using channel = group.channel();
  const health = channel.client(Health);
  expect((await health.check({})).status).toBe(1);
  await group.pairs[0]?.server.close(0);
  group.leader = 2;
  const call = health.check({});
  await Bun.sleep(50);
  group.leader = 1;
  expect((await call).status).toBe(2);
});

test("a call leaves a leader that says nothing, once another one leads", async () => {
  const silent: Handlers = {
    check: async ({ service }) => {
      if (service !== "who leads") await Bun.sleep(60_000);
      return {};
    },
  };
  await using group = await Group.start(silent, leading(2));
  using channel = group.channel();
  const call = channel.client(Health).check({});
  await Bun.sleep(100);
  group.leader = 1;
  expect((await call).status).toBe(2);
});

test("a call that finds only members that do not lead says so", async () => {
  await using group = await Group.start({});
  using channel = leaderChannel({
    known: () => anybody([group.target(0)]),
    dial,
    // It still believes so itself, as one does that has just lost the majority.
    locate: async (seed) => ({ by: seed.target, leader: at(seed.target) }),
    timing,
  });
  const call = channel.client(Health).check({}, { timeoutMs: 300 });
  expect(await failure(call)).toMatchObject({
    code: Code.unimplemented,
    message: `${group.target(0)} does not lead`,
  });
});

test("a server that is cut off and names a leader of the past leads nobody astray", async () => {
  /** One that tells which of the group leads, after a while, and leads nobody itself. */
  const telling = (leader: number, delayMs: number): Handlers => ({
    check: async ({ service }) => {
      if (service !== "who leads") throw new RpcError(Code.unimplemented, "it does not lead");
      await Bun.sleep(delayMs);
      return { status: leader };
    },
  });
  await using group = await Group.start(telling(0, 0), telling(2, 20), leading(1));
  using channel = leaderChannel({
    known: () => anybody([group.target(0), group.target(1)]),
    dial,
    locate: async (seed, options) => {
      using server = dial(seed);
      const { status } = await server.client(Health).check({ service: "who leads" }, options);
      return { by: seed.target, leader: at(group.target(status)) };
    },
    timing,
  });
  expect((await channel.client(Health).check({}, { timeoutMs: 2_000 })).status).toBe(1);
});

test("a server that hangs holds up nobody who waits for the others to agree on a leader", async () => {
  let isKnown = false;
  const hesitant: Handlers = {
    check: async () => {
      if (!isKnown) throw new RpcError(Code.unavailable, "the leader is not known");
      return { status: 1 };
    },
  };
  const hanging: Handlers = { check: () => new Promise(() => {}) };
  await using group = await Group.start(hesitant, hanging);
  using channel = group.channel();
  const start = performance.now();
  const call = channel.client(Health).check({});
  await Bun.sleep(50);
  isKnown = true;
  expect((await call).status).toBe(1);
  expect(performance.now() - start).toBeLessThan(timing.locateMs);
});

test("a call ends with the caller's deadline, and says whom it asked", async () => {
  using channel = leaderChannel({
    known: () => anybody(["127.0.0.1:1"]),
    dial,
    locate: async (seed, options) => {
      using server = dial(seed);
      await server.client(Health).check({}, options);
      return { by: "", leader: seed };
    },
    timing,
  });
  const call = channel.client(Health).check({}, { timeoutMs: 200 });
  expect(await codeOf(call)).toBe(Code.unavailable);
  await expect(call).rejects.toThrow("127.0.0.1:1");
});

/** Says why not, once, and nothing at all to whom asks again. */
function fallingSilent(why: string, isAsked: (service: string) => boolean): Handlers {
  let asked = 0;
  return {
    check: async ({ service }, { signal }) => {
      if (!isAsked(service)) return {};
      if (asked++ === 0) throw new RpcError(Code.unavailable, why);
      await aborted(signal);
      return {};
    },
  };
}

test.each([
  ["the leader", "lost the majority", (service: string) => service === ""],
  ["who knows it", "the leader is not known", (service: string) => service !== ""],
])("the attempt that a deadline cuts short does not hide what %s said", async (_, why, isAsked) => {
  await using group = await Group.start(fallingSilent(why, isAsked));
  using channel = group.channel();
  const error = await failure(channel.client(Health).check({}, { timeoutMs: 2_500 }));
  expect(String(error)).toContain(why);
});

/** Three servers with IDs of which each says who leads, and each answers with its own number. */
async function claims(...said: readonly string[]) {
  const group = await Group.start(...said.map((_, index) => leading(index + 1)));
  const endpoints = said.map((_, index) => at(group.target(index), `node-${index + 1}`));
  const endpointOf = (id: string) =>
    endpoints.find((each) => each.id === id) ?? at("127.0.0.1:1", id);
  const channel = (known: Partial<Known> = {}) =>
    leaderChannel({
      known: () => ({
        seeds: endpoints,
        members: new Set(endpoints.map(({ id }) => id)),
        ...known,
      }),
      dial,
      locate: async (seed) => {
        const word = said[endpoints.indexOf(seed)] ?? "";
        if (word === "") throw new RpcError(Code.unavailable, "it does not know");
        return { by: seed.id, leader: endpointOf(word) };
      },
      timing: { ...timing, locateMs: 100 },
    });
  return { channel, [Symbol.asyncDispose]: () => group[Symbol.asyncDispose]() };
}

test("one member that says it leads is not believed before the others had their time", async () => {
  await using group = await claims("node-1", "node-2", "node-2");
  for (let i = 0; i < 5; i++) {
    using channel = group.channel();
    expect((await channel.client(Health).check({})).status).toBe(2);
  }
});

test("members that do not agree lead to nobody, and one alone only who insists on no majority", async () => {
  const options = { timeoutMs: 300 };
  await using torn = await claims("node-1", "", "node-3");
  using none = torn.channel();
  expect(await codeOf(none.client(Health).check({}, options))).toBe(Code.unavailable);
  await using lonely = await claims("node-1", "", "");
  using channel = lonely.channel();
  expect((await channel.client(Health).check({})).status).toBe(1);
  using strict = lonely.channel({ isStrict: true });
  expect(await codeOf(strict.client(Health).check({}, options))).toBe(Code.unavailable);
});

test("who is no member is neither heard nor followed", async () => {
  await using group = await claims("node-1", "node-2", "node-2");
  using channel = group.channel({ members: new Set(["node-2", "node-3", "node-4", "node-5"]) });
  expect((await channel.client(Health).check({})).status).toBe(2);
});

test("a leader who goes on answering is left when the others follow another", async () => {
  const streaming = (status: number): Handlers => ({
    watch: async function* (_, { signal }) {
      yield { status };
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
    },
  });
  await using group = await Group.start(streaming(1), streaming(2), streaming(3));
  const endpoints = [0, 1, 2].map((index) => at(group.target(index), `node-${index + 1}`));
  let said = endpoints[0] ?? at("");
  let members = new Set(endpoints.map(({ id }) => id));
  using channel = leaderChannel({
    known: () => ({ seeds: endpoints, members }),
    dial,
    locate: async (seed) => ({ by: seed.id, leader: seed === endpoints[0] ? seed : said }),
    timing: { ...timing, watchMs: 50 },
  });
  const first = async (stream: AsyncIterator<{ status: number }>) =>
    (await stream.next()).value?.status;
  const old = channel.client(Health).watch({})[Symbol.asyncIterator]();
  expect(await first(old)).toBe(1);
  // The first was deleted and says what it said before; two of three know better.
  said = endpoints[1] ?? said;
  expect(await codeOf(old.next())).toBe(Code.unavailable);
  const next = channel.client(Health).watch({})[Symbol.asyncIterator]();
  expect(await first(next)).toBe(2);
  // A directory that does not name it any more is enough for the next call.
  members = new Set(["node-3"]);
  said = endpoints[2] ?? said;
  const last = channel.client(Health).watch({})[Symbol.asyncIterator]();
  expect(await first(last)).toBe(3);
});

test("errors that are no matter of leadership reach the caller at once", async () => {
  let calls = 0;
  const refusing: Handlers = {
    check: async ({ service }) => {
      if (service === "who leads") return {};
      calls++;
      throw new RpcError(Code.permissionDenied, "no");
    },
  };
  await using group = await Group.start(refusing);
  using channel = group.channel();
  expect(await codeOf(channel.client(Health).check({}))).toBe(Code.permissionDenied);
  expect(calls).toBe(1);
});

test("a stream is found a leader, and fails as unavailable when that goes", async () => {
  const streaming: Handlers = {
    ...leading(1),
    watch: async function* (_, { signal }) {
      yield { status: 1 };
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
    },
  };
  await using group = await Group.start(following, streaming);
  using channel = group.channel();
  group.leader = 0;
  const stream = channel.client(Health).watch({})[Symbol.asyncIterator]();
  const first = stream.next();
  await Bun.sleep(50);
  group.leader = 1;
  expect((await first).value?.status).toBe(1);
  const next = codeOf(stream.next());
  await group.pairs[1]?.server.close(0);
  expect(await next).toBeOneOf([Code.unavailable, Code.cancelled]);
});

test("an aborted call ends at once, and others go on", async () => {
  await using group = await Group.start(leading(1));
  using channel = group.channel();
  const health = channel.client(Health);
  const reason = new Error("enough");
  await expect(health.check({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect((await health.check({})).status).toBe(1);
});
