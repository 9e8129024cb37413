// Tests of waiting with a signal.
import { expect, test } from "bun:test";
import { sleep } from "./sleep.ts";
import { within } from "./within.ts";

test("sleep waits at least as long as asked", async () => {
  const start = performance.now();
  await sleep(20);
  expect(performance.now() - start).toBeGreaterThanOrEqual(19);
});

test("sleep throws the signal's reason, before and during the wait", async () => {
  const controller = new AbortController();
  const sleeping = sleep(60_000, controller.signal);
  controller.abort("enough");
  await expect(sleeping).rejects.toBe("enough");
  await expect(sleep(60_000, controller.signal)).rejects.toBe("enough");
});

test("sleep does not fire at once when asked for months", async () => {
  const controller = new AbortController();
  const long = sleep(90 * 86_400_000, controller.signal).then(
    () => "woke",
    () => "still asleep",
  );
  await sleep(5);
  controller.abort();
  expect(await long).toBe("still asleep");
});

test("within gives the promise's value or error", async () => {
  const { signal } = new AbortController();
  expect(await within(Promise.resolve(1))).toBe(1);
  expect(await within(Promise.resolve(1), signal)).toBe(1);
  await expect(within(Promise.reject("no"), signal)).rejects.toBe("no");
});

test("within prefers an aborted signal over a settled promise", async () => {
  await expect(within(Promise.resolve(1), AbortSignal.abort("gone"))).rejects.toBe("gone");
});

test("within swallows a rejection that nobody waits for any more", async () => {
  const controller = new AbortController();
  const { promise, reject } = Promise.withResolvers<void>();
  const waiting = within(promise, controller.signal);
  controller.abort("gone");
  await expect(waiting).rejects.toBe("gone");
  reject(new TypeError("late"));
  // An unhandled rejection would fail the test run.
  await sleep(1);
});
