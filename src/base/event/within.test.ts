// Waiting that ends with a signal, whatever becomes of what was waited for.
import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { within } from "./event.ts";

const reason = new RangeError("enough");

/** What waiting ended with, success or not. */
function outcome(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => ({ thrown: error }));
}

test("within gives what the promise gives", async () => {
  expect(await within(Promise.resolve(7))).toBe(7);
  expect(await within(Promise.resolve(7), new AbortController().signal)).toBe(7);
});

test("within throws what the promise throws", async () => {
  const { signal } = new AbortController();
  const broken = () => Promise.reject(reason);
  expect(await outcome(within(broken()))).toEqual({ thrown: reason });
  expect(await outcome(within(broken(), signal))).toEqual({ thrown: reason });
});

test("within throws the signal's reason, though the promise never settles", async () => {
  const controller = new AbortController();
  const waiting = outcome(within(new Promise(() => {}), controller.signal));
  controller.abort(reason);
  expect(await waiting).toEqual({ thrown: reason });
});

test("within prefers an aborted signal to a settled promise", async () => {
  const signal = AbortSignal.abort(reason);
  expect(await outcome(within(Promise.resolve(7), signal))).toEqual({ thrown: reason });
});

test("within keeps the value when the abort comes after it", async () => {
  const controller = new AbortController();
  const waiting = within(Promise.resolve("first"), controller.signal);
  expect(await waiting).toBe("first");
  controller.abort(reason);
  expect(await waiting).toBe("first");
});

test("within swallows a failure that nobody waits for any more", async () => {
  const unheard: unknown[] = [];
  const onUnheard = (error: unknown) => unheard.push(error);
  process.on("unhandledRejection", onUnheard);
  const { promise, reject } = Promise.withResolvers<never>();
  expect(await outcome(within(promise, AbortSignal.abort(reason)))).toEqual({ thrown: reason });
  reject(new RangeError("too late"));
  await Bun.sleep(5);
  process.off("unhandledRejection", onUnheard);
  expect(unheard).toEqual([]);
});

test("within leaves no listener on a signal that outlives it", async () => {
  const { signal } = new AbortController();
  for (let round = 0; round < 50; round++) await within(Promise.resolve(), signal);
  await outcome(within(Promise.reject(reason), signal));
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
