// A connection to whoever leads a group of servers, found by asking those that are known,
// and found again whenever it moves.
//
//   seeds ── locate ──► agreement ──► leader ── call ──► answer
//     ▲                                              │
//     └──────────── not the leader, or gone ◄────────┘   until the caller's deadline
//
// A unary call is made again when its answer may have been lost, so it is for
// methods that may be repeated. A stream of answers is opened again only until its
// first message, one of requests never: what follows is for the caller, who knows
// where he was, and fails as unavailable.
import type { Channel } from "./channel.ts";
import { type Found, type LeaderOptions, LeaderSearch, usualTiming } from "./leader-search.ts";
import type { AnyService, CallOptions, Client } from "./method.ts";

/** Prepares a channel to the leader; the first call looks for it. */
export function leaderChannel(options: LeaderOptions): Channel {
  const search = new LeaderSearch({ ...options, timing: { ...usualTiming, ...options.timing } });
  return {
    client: (desc) => leaderClient(search, desc),
    close: () => search.close(),
    [Symbol.dispose]: () => search.close(),
  };
}

type Untyped = Readonly<Record<string, (request: unknown, options?: CallOptions) => unknown>>;

function leaderClient<S extends AnyService>(search: LeaderSearch, desc: S): Client<S> {
  const methods = desc.methods.map(({ localName, methodKind }) => {
    const call = (found: Found, request: unknown, options: CallOptions) => {
      const client: Untyped = found.channel.client(desc);
      return client[localName]?.(request, options);
    };
    return [localName, callers[methodKind](search, call)];
  });
  // The descriptor is the type: each entry has the shape that Client<S> derives from it.
  return Object.fromEntries(methods) as Client<S>;
}

type Call = (found: Found, request: unknown, options: CallOptions) => unknown;

function unary(search: LeaderSearch, call: Call) {
  return async (request: unknown, options: CallOptions = {}) => {
    const { timeoutMs = search.timing.deadlineMs } = options;
    const limit = performance.now() + timeoutMs;
    return search.persist(limit, options.signal, async (found, signal) => {
      const rest = { ...options, signal, timeoutMs: Math.max(1, limit - performance.now()) };
      return call(found, request, rest);
    });
  };
}

function serverStream(search: LeaderSearch, call: Call) {
  return async function* (request: unknown, options: CallOptions = {}) {
    const { timeoutMs = Number.POSITIVE_INFINITY, signal } = options;
    const limit = performance.now() + timeoutMs;
    const { reader, first, found } = await search.persist(limit, signal, async (found) => {
      const reader = answers(call(found, request, options))[Symbol.asyncIterator]();
      return { found, reader, first: await reader.next() };
    });
    try {
      for (let next = first; !next.done; next = await reader.next()) yield next.value;
    } catch (error) {
      throw search.failure(found, error);
    } finally {
      await reader.return?.();
    }
  };
}

function bidiStream(search: LeaderSearch, call: Call) {
  return async function* (requests: unknown, options: CallOptions = {}) {
    const found = await search.leader(options.signal);
    try {
      yield* answers(call(found, requests, options));
    } catch (error) {
      throw search.failure(found, error);
    }
  };
}

function answers(result: unknown): AsyncIterable<unknown> {
  // What a channel's client gives for each method whose answers are a stream.
  return result as AsyncIterable<unknown>;
}

const callers = {
  unary,
  server_streaming: serverStream,
  bidi_streaming: bidiStream,
  // The house has no such methods; calling one says so.
  client_streaming: unary,
} as const;
