// Memory and etcd must give the same answers to the same questions: random
// sequences of operations are put to both, with revisions counted from where
// each run began.
import { afterAll, beforeAll, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  CompactedError,
  type Compare,
  etcdStore,
  memoryStore,
  namespaced,
  type Store,
  type Write,
} from "./etcd.ts";
import { type TestEtcd, testEtcd } from "./test-etcd.ts";

let etcd: TestEtcd;

beforeAll(async () => {
  etcd = await testEtcd();
});

afterAll(() => etcd[Symbol.asyncDispose]());

const key = fc.constantFrom<string>("a", "ab", "b", "bä", "b/1");
const prefix = fc.constantFrom("", "a", "b", "zz");
const value = fc.uint8Array({ maxLength: 3 });
/** Counted from the beginning of the run; -1: the present. */
const revision = fc.integer({ min: -1, max: 12 });

const compare = fc.oneof(
  fc.record({ kind: fc.constant("createRevision" as const), key, revision }),
  fc.record({ kind: fc.constant("modRevision" as const), key, revision }),
  fc.record({ kind: fc.constant("version" as const), key, version: fc.bigInt(0n, 3n) }),
  fc.record({ kind: fc.constant("value" as const), key, value }),
);
const write = fc.oneof(
  fc.record({ put: key, value, lease: fc.integer({ min: -2, max: 2 }) }),
  fc.record({ delete: key }),
  fc.record({ deletePrefix: prefix }),
);
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put" as const), key, value }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("transact" as const),
      compares: fc.array(compare, { maxLength: 2 }),
      writes: fc.array(write, { maxLength: 3 }),
    }),
  },
  fc.record({ kind: fc.constant("delete" as const), key }),
  fc.record({ kind: fc.constant("get" as const), key, revision }),
  fc.record({
    kind: fc.constant("range" as const),
    prefix,
    revision,
    limit: fc.integer({ min: 0, max: 3 }),
    keysOnly: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("grant" as const) }),
  fc.record({ kind: fc.constant("revoke" as const), index: fc.nat(2) }),
  fc.record({ kind: fc.constant("compact" as const), revision: fc.integer({ min: 0, max: 12 }) }),
);
type Generated<A> = A extends fc.Arbitrary<infer V> ? V : never;
type Operation = Generated<typeof operation>;

/** A store under test, with what its answers are counted from. */
class Subject {
  readonly #store: Store;
  readonly #base: bigint;
  readonly leases: bigint[] = [];

  constructor(store: Store, base: bigint) {
    this.#store = store;
    this.#base = base;
  }

  absolute(relative: number): bigint {
    return relative < 0 ? 0n : this.#base + BigInt(relative);
  }

  #lease(index: number): bigint {
    // Below zero: none. Beyond what was granted: one that nobody granted.
    return index < 0 ? 0n : (this.leases[index] ?? 999_999n);
  }

  /** The answer, comparable across stores. */
  async answer(one: Operation): Promise<unknown> {
    try {
      return this.plain(await this.#perform(one));
    } catch (error) {
      if (error instanceof CompactedError) return "compacted";
      return { code: Reflect.get(Object(error), "code"), text: String(error).slice(0, 40) };
    }
  }

  async #perform(one: Operation): Promise<unknown> {
    switch (one.kind) {
      case "put":
        return this.#store.put(one.key, one.value);
      case "delete":
        return this.#store.delete(one.key);
      case "get":
        return this.#store.get(one.key, { revision: this.absolute(one.revision) });
      case "range":
        return this.#store.range(one.prefix, { ...one, revision: this.absolute(one.revision) });
      case "transact":
        return this.#store.transact(
          one.compares.map((each) => this.#compare(each)),
          one.writes.map((each) => this.#write(each)),
        );
      case "grant":
        return void this.leases.push(await this.#store.grantLease(60));
      case "revoke":
        return this.#store.revokeLease(this.#lease(one.index));
      case "compact":
        return this.#store.compact(this.absolute(one.revision));
    }
  }

  #compare(one: Generated<typeof compare>): Compare {
    if (one.kind === "version") return { key: one.key, version: one.version };
    if (one.kind === "value") return { key: one.key, value: one.value };
    const absolute = this.absolute(one.revision);
    if (one.kind === "modRevision") return { key: one.key, modRevision: absolute };
    return { key: one.key, createRevision: absolute };
  }

  #write(one: Generated<typeof write>): Write {
    return "put" in one ? { ...one, lease: this.#lease(one.lease) } : one;
  }

  /** Revisions and leases made relative, bytes made readable. */
  plain(answer: unknown): unknown {
    if (typeof answer === "bigint") return answer <= 3n ? answer : answer - this.#base;
    if (answer instanceof Uint8Array) return Buffer.from(answer).toString("hex");
    if (Array.isArray(answer)) return answer.map((each) => this.plain(each));
    if (typeof answer !== "object" || answer === null) return answer;
    return Object.fromEntries(
      Object.entries(answer).map(([name, each]) => [name, this.#field(name, each)]),
    );
  }

  #field(name: string, answer: unknown): unknown {
    if (name === "lease") return this.leases.indexOf(BigInt(String(answer)));
    if (name === "version") return answer;
    return this.plain(answer);
  }

  /** Every change from a revision of the run up to the end marker. */
  async changes(from: number): Promise<unknown> {
    const stop = new AbortController();
    const seen: unknown[] = [];
    try {
      for await (const batch of this.#store.watch("", this.absolute(from), stop.signal)) {
        seen.push(...batch.events.map((event) => this.plain(event)));
        if (batch.events.some((event) => event.key === "end")) return seen;
      }
      return "ended";
    } catch (error) {
      return error instanceof CompactedError ? "compacted" : String(error);
    } finally {
      stop.abort();
    }
  }
}

/** A store that gives out revisions far above any version, as the real one does here. */
async function memorySubject(): Promise<Subject> {
  const store = memoryStore();
  for (let count = 0; count < 100; count++) await store.put("before", new Uint8Array());
  return new Subject(namespaced(store, "x/"), (await store.range("before")).revision);
}

let runs = 0;

async function etcdSubject(): Promise<Subject> {
  const store = etcdStore(etcd.channel, `run-${runs++}/`);
  for (let count = 0; count < 20; count++) await store.put("before", new Uint8Array());
  const base = await store.delete("before");
  return new Subject(store, base);
}

test("memoryStore and etcdStore give the same answers to random operations", async () => {
  const sequence = fc.array(operation, { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(sequence, fc.integer({ min: 1, max: 14 }), async (operations, watchFrom) => {
      const [memory, real] = [await memorySubject(), await etcdSubject()];
      for (const one of operations) {
        const [expected, actual] = [await memory.answer(one), await real.answer(one)];
        expect(actual).toEqual(expected);
      }
      const end = { kind: "put" as const, key: "end", value: new Uint8Array() };
      const last = await memory.answer(end);
      expect(await real.answer(end)).toEqual(last);
      // A watch from the future would wait for ever.
      const from = Math.min(watchFrom, Number(last));
      expect(await real.changes(from)).toEqual(await memory.changes(from));
    }),
    { numRuns: 60 },
  );
});
