// Tests of the lock.
import { expect, test } from "bun:test";
import { Lock, NamedLocks } from "./lock.ts";
import { sleep } from "./sleep.ts";

test("Lock.hold lets one in at a time, in the order of coming", async () => {
  const lock = new Lock();
  const trace: string[] = [];
  const visit = (name: string) =>
    lock.hold(async () => {
      trace.push(`${name} in`);
      await sleep(1);
      trace.push(`${name} out`);
    });
  await Promise.all([visit("a"), visit("b"), visit("c")]);
  expect(trace).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
});

test("Lock.hold gives the result of the work", async () => {
  expect(await new Lock().hold(async () => 42)).toBe(42);
});

test("Lock.hold lets the next one in after a failure", async () => {
  const lock = new Lock();
  const failed = lock.hold(() => Promise.reject(new TypeError("broken")));
  await expect(failed).rejects.toThrow("broken");
  expect(await lock.hold(async () => "next")).toBe("next");
});

test("Lock.hold gives up with its signal, without opening the door", async () => {
  const lock = new Lock();
  const controller = new AbortController();
  const { promise: leave, resolve } = Promise.withResolvers<void>();
  const trace: string[] = [];
  const first = lock.hold(async () => {
    await leave;
    trace.push("first");
  });
  const second = lock.hold(async () => trace.push("second"), controller.signal);
  const third = lock.hold(async () => trace.push("third"));
  controller.abort("tired");
  await expect(second).rejects.toBe("tired");
  await sleep(1);
  expect(trace).toEqual([]);
  resolve();
  await Promise.all([first, third]);
  expect(trace).toEqual(["first", "third"]);
});

test("NamedLocks.hold keeps users of one name apart, and nobody else", async () => {
  const locks = new NamedLocks();
  const trace: string[] = [];
  const { promise: leave, resolve } = Promise.withResolvers<void>();
  const visit = (name: string, text: string, until?: Promise<void>) =>
    locks.hold(name, async () => {
      await until;
      trace.push(text);
    });
  const first = visit("a", "a1", leave);
  const second = visit("a", "a2");
  await visit("b", "b");
  expect(trace).toEqual(["b"]);
  resolve();
  await Promise.all([first, second]);
  expect(trace).toEqual(["b", "a1", "a2"]);
});

test("NamedLocks.hold lets the next one in after a failure", async () => {
  const locks = new NamedLocks();
  const failed = locks.hold("a", () => Promise.reject(new TypeError("broken")));
  const next = locks.hold("a", async () => "next");
  await expect(failed).rejects.toThrow("broken");
  expect(await next).toBe("next");
});
