// Tests of the watchable value.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { sleep } from "./sleep.ts";
import { Value } from "./value.ts";

const never = new AbortController().signal;

/** Watches until `count` values have come. */
async function take<T>(value: Value<T>, count: number): Promise<T[]> {
  const seen: T[] = [];
  for await (const each of value.watch(never)) {
    seen.push(each);
    if (seen.length === count) break;
  }
  return seen;
}

test("Value starts empty, or with the initial value", () => {
  expect(new Value<number>().current).toBeUndefined();
  expect(new Value(0).current).toBe(0);
});

test("Value.watch gives the current value first, then newer ones", async () => {
  const value = new Value(1);
  const seen = take(value, 2);
  await sleep(0);
  value.set(2);
  expect(await seen).toEqual([1, 2]);
});

test("Value.watch waits for the first value", async () => {
  const value = new Value<string>();
  const seen = take(value, 1);
  await sleep(0);
  value.set("late");
  expect(await seen).toEqual(["late"]);
});

test("Value.watch skips values that were replaced before they were seen", async () => {
  const value = new Value(1);
  const watcher = value.watch(never);
  expect((await watcher.next()).value).toBe(1);
  for (const next of [2, 3, 4]) value.set(next);
  expect((await watcher.next()).value).toBe(4);
});

test("Value.watch counts setting an equal value as news", async () => {
  const value = new Value("same");
  const watcher = value.watch(never);
  await watcher.next();
  value.set("same");
  expect((await watcher.next()).value).toBe("same");
});

test("Value.watch serves several watchers", async () => {
  const value = new Value<number>();
  const all = [take(value, 1), take(value, 1), take(value, 1)];
  await sleep(0);
  value.set(7);
  expect(await Promise.all(all)).toEqual([[7], [7], [7]]);
});

test("Value.watch throws the signal's reason, at once or while waiting", async () => {
  const controller = new AbortController();
  const value = new Value(1);
  const watcher = value.watch(controller.signal);
  await watcher.next();
  const waiting = watcher.next();
  controller.abort("over");
  await expect(waiting).rejects.toBe("over");
  await expect(value.watch(controller.signal).next()).rejects.toBe("over");
});

test("Value.first takes the current value or waits for a match", async () => {
  const value = new Value(1);
  expect(await value.first(never)).toBe(1);
  const even = value.first(never, (each) => each % 2 === 0);
  for (const next of [3, 5, 6]) {
    value.set(next);
    await sleep(0);
  }
  expect(await even).toBe(6);
});

test("Value.first throws the signal's reason", async () => {
  const controller = new AbortController();
  const waiting = new Value<number>().first(controller.signal);
  controller.abort("over");
  await expect(waiting).rejects.toBe("over");
});

test("Value.watch sees an ordered part of what was set, the last included", async () => {
  const pauses = fc.array(fc.boolean(), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(pauses, async (steps) => {
      const value = new Value(0);
      const seen: number[] = [];
      const watching = (async () => {
        for await (const each of value.watch(never)) {
          seen.push(each);
          if (each === steps.length) return;
        }
      })();
      for (const [index, pause] of steps.entries()) {
        value.set(index + 1);
        if (pause) await sleep(0);
      }
      await watching;
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(seen.at(-1)).toBe(steps.length);
    }),
    { numRuns: 30 },
  );
});
