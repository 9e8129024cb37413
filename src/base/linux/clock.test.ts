// Tests of the system's clock: they leave it as it is.
import { expect, test } from "bun:test";
import { isClockKept, setClock } from "./clock.ts";

test("whether the clock is kept can be asked by anybody", () => {
  expect([true, false]).toContain(isClockKept());
});

test("setting the clock to what no clock can say is refused, with the reason", () => {
  expect(() => setClock(Date.parse("1600-01-01"))).toThrow(
    /^clock_settime 1600-01-01T00:00:00\.000Z: (EINVAL|EPERM)$/,
  );
});
