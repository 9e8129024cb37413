// Tests of the rules by which a run is judged, and of the pause.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Backoff, defaultBackoff } from "./backoff.ts";
import { type Ending, outcomeOf, ReturnedError } from "./outcome.ts";

const reason = new RangeError("cancelled");
const alive = new AbortController().signal;
const aborted = AbortSignal.abort(reason);
const returned: Ending = { kind: "returned" };

function threw(error: unknown): Ending {
  return { kind: "threw", error };
}

const failure = new TypeError("broken");
const wrapped = new TypeError("read lease", { cause: new TypeError("call", { cause: reason }) });
const platform = new DOMException("The operation was aborted.", "AbortError");

test.each<[string, boolean, AbortSignal, Ending, string]>([
  ["returns when done", true, alive, returned, "DONE"],
  ["returns when done and aborted", true, aborted, returned, "DONE"],
  ["returns when aborted", false, aborted, returned, "CANCELED"],
  ["throws the reason when aborted", false, aborted, threw(reason), "CANCELED"],
  ["throws the reason as a cause", false, aborted, threw(wrapped), "CANCELED"],
  ["throws an AbortError when aborted", false, aborted, threw(platform), "CANCELED"],
  ["throws the reason when done and aborted", true, aborted, threw(reason), "CANCELED"],
  ["returns undone", false, alive, returned, "DEAD"],
  ["throws", false, alive, threw(failure), "DEAD"],
  ["throws when done", true, alive, threw(failure), "DEAD"],
  ["throws something else when aborted", false, aborted, threw(failure), "DEAD"],
  ["throws an AbortError of its own", false, alive, threw(platform), "DEAD"],
  ["throws undefined", false, alive, threw(undefined), "DEAD"],
])("outcomeOf: a runnable that %s", (_, isDone, signal, ending, state) => {
  expect(outcomeOf({ isDone, signal }, ending).state).toBe(state as "DEAD");
});

test("outcomeOf says why a runnable is dead", () => {
  expect(outcomeOf({ isDone: false, signal: alive }, threw(failure)).error).toBe(failure);
  expect(outcomeOf({ isDone: false, signal: alive }, returned).error).toBeInstanceOf(ReturnedError);
});

test("Backoff grows by half from 500 ms to a minute, and starts over", () => {
  const backoff = new Backoff(defaultBackoff);
  const pauses = Array.from({ length: 14 }, () => Math.round(backoff.next(0.5)));
  expect(pauses.slice(0, 4)).toEqual([500, 750, 1_125, 1_688]);
  expect(pauses.slice(-2)).toEqual([60_000, 60_000]);
  backoff.reset();
  expect(backoff.next(0.5)).toBe(500);
});

test("Backoff spreads pauses by half, but never beyond the longest", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), (all) => {
      const backoff = new Backoff(defaultBackoff);
      for (const [index, chance] of all.entries()) {
        const middle = Math.min(500 * 1.5 ** index, 60_000);
        const pause = backoff.next(chance);
        expect(pause).toBeGreaterThanOrEqual(middle * 0.5 - 1e-6);
        expect(pause).toBeLessThanOrEqual(Math.min(middle * 1.5, 60_000) + 1e-6);
      }
    }),
  );
});
