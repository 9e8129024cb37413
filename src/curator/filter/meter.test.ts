// The purse of a filter, by itself; what real filters cost is in filter.test.ts.
import { expect, test } from "bun:test";
import { celEnv, celList, parse, plan } from "@bufbuild/cel";
import { Meter, meteredFunctions } from "./meter.ts";

/** Runs an expression with metered functions; gives its result or the reason. */
function evaluate(source: string, meter = new Meter(), values = {}): unknown {
  const funcs = meteredFunctions(celEnv({}).funcs, meter);
  return plan(celEnv({ funcs }), parse(source).expr)(values);
}

const refused = (source: string, values = {}) => String(evaluate(source, new Meter(), values));

test("Meter.charge ends with the budget of one node, and begins anew with the next", () => {
  const meter = new Meter();
  meter.charge(50_000);
  expect(() => meter.charge(1)).toThrow("filter is too expensive");
  meter.next();
  meter.charge(50_000);
});

test("Meter.charge ends with the budget of the request, however many nodes there are", () => {
  const meter = new Meter();
  const spend = () => {
    for (let node = 0; node < 1_000; node++) {
      meter.next();
      meter.charge(50_000);
    }
  };
  expect(spend).toThrow("filter is too expensive");
});

test("Meter.size grows with what there is to look at", () => {
  const meter = new Meter();
  expect(meter.size(7n)).toBe(1);
  expect(meter.size("a".repeat(3_200))).toBe(101);
  expect(meter.size(new Uint8Array(3_200))).toBe(101);
  expect(meter.size(celList(["a", "b", "c"]))).toBeGreaterThan(3);
  expect(meter.size(null)).toBe(1);
});

test("Meter.size refuses lists that are small in memory and endless to walk", () => {
  const meter = new Meter();
  const double = () => {
    let list = celList([1n]);
    for (let depth = 0; depth < 60; depth++) {
      list = celList([list, list]);
      meter.size(list);
    }
  };
  const start = process.cpuUsage();
  expect(double).toThrow("filter makes too large a value");
  // Of the processor: others may want it, too.
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1_000).toBeLessThan(1_000);
});

test("metered functions give what the standard ones give", () => {
  expect(evaluate("1 + 2 == 3")).toBe(true);
  expect(evaluate("'abc'.startsWith('ab') && 'abc'.matches('^a.c$')")).toBe(true);
  expect(evaluate("size([1, 2] + [3]) == 3")).toBe(true);
  expect(evaluate("duration('90s') > duration('1m')")).toBe(true);
});

test.each([
  ["a text too long", "text + text", "too long a text"],
  ["a long pattern", "text.matches(text)", "regular expression is too long"],
  ["a pattern that multiplies itself", "'a'.matches('((a{20}){20})')", "repeats too much"],
  ["an open repetition", "'a'.matches('a{0,2000}')", "repeats too much"],
])("metered functions refuse %s", (_, source, reason) => {
  expect(refused(source, { text: "x".repeat(10_000) })).toContain(reason);
});

test("metered functions charge for the size of what they look at", () => {
  const meter = new Meter();
  const look = () => evaluate("text == other", meter, { text: "a".repeat(900_000), other: "b" });
  look();
  const result = String(look());
  expect(result).toContain("too expensive");
});
