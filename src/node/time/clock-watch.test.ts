// The watch over the clock, with a clock and time servers of the test's own.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { RELEASED } from "../../image/image.ts";
import { Control } from "../control/control.ts";
import { Troubles } from "../control/troubles.ts";
import { type ChronySettings, ClockWatch } from "./clock-watch.ts";

const DAY_MS = 86_400_000;
const at = (text: string) => Date.parse(text);
const NOW = at("2027-03-01T12:00:00Z");

let folder: string;
let end: AbortController;
/** Looks of all watches so far. */
let begun = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "clock-watch-"));
  end = new AbortController();
});
afterEach(async () => {
  end.abort();
  await sleep(5);
  rmSync(folder, { recursive: true });
});

interface Given {
  readonly now: number;
  /** When the clock was last believed. */
  readonly last?: string;
  readonly isMember?: boolean;
}

/** Starts a watch over a clock. */
function watching({ now, last, isMember = true }: Given) {
  const esp = { clock: join(folder, "clock"), sealedConfiguration: join(folder, "sealed") };
  if (isMember) writeFileSync(esp.sealedConfiguration, "");
  if (last !== undefined) writeFileSync(esp.clock, `${last}\n`);
  const state = { now, isKept: false, uptime: 30_000 };
  const clock = {
    now: () => state.now,
    set: (time: number) => {
      state.now = time;
    },
    isKept: () => {
      begun += 1;
      return state.isKept;
    },
    uptime: () => state.uptime,
  };
  const tree = new LogTree();
  const chrony = new Control<ChronySettings>();
  const parts = {
    membership: new Value<unknown>(),
    isClockKept: new Value<boolean>(),
    troubles: new Troubles(),
  };
  const log = tree.logger("root.time");
  const watch = new ClockWatch({ ...parts, clock, esp, chrony, log, lookMs: 1 });
  void watch.run(end.signal).catch(() => {});
  const saved = () => readFileSync(esp.clock, "utf8").trim();
  const lines = () =>
    tree
      .read({ dn: "root.time", backlog: "all" })
      .backlog.map((entry) => (entry.kind === "leveled" ? entry.messages.join() : ""))
      .join("\n");
  return { ...parts, chrony, state, watch, saved, lines };
}

/** Waits until the watch has looked again, from the beginning to the end. */
async function looks(): Promise<void> {
  // The next look may have begun before; it is over when the one after it begins.
  const enough = begun + 3;
  while (begun < enough) await sleep(1);
}

test("a clock that can be right is not moved far from the beginning on", async () => {
  const { chrony, saved } = watching({ now: NOW, last: "2027-02-28T12:00:00Z" });
  expect(chrony.wanted.current).toEqual({ canBeRight: true });
  await looks();
  expect(saved()).toBe("2027-03-01T12:00:00.000Z");
});

test.each([
  ["2036-01-01T00:00:00Z", "2027-02-28T12:00:00Z"],
  ["2036-01-01T00:00:00Z", undefined],
  [RELEASED.toISOString(), "2027-02-28T12:00:00Z"],
])(
  "a clock at %s that was last believed at %s is set once, and named meanwhile",
  async (now, last) => {
    const { chrony, troubles, isClockKept, state, lines } = watching({
      now: at(now) + 30_000,
      ...(last !== undefined && { last }),
    });
    expect(chrony.wanted.current).toEqual({ canBeRight: false });
    await looks();
    expect(troubles.all.current).toEqual([
      `the clock cannot be right: it says ${now.slice(0, 10)}`,
    ]);
    // chronyd hears a time server.
    Object.assign(state, { now: NOW, isKept: true });
    await looks();
    expect(troubles.all.current).toEqual([]);
    expect(isClockKept.current).toBe(true);
    expect(lines()).toContain(`The clock cannot be right: it says ${now.slice(0, 10)}`);
    expect(lines()).toContain("to 2027-03-01T12:00:00Z");
  },
);

test("before a node is a member the time servers are free, and not afterwards", async () => {
  const { chrony, membership } = watching({ now: NOW, isMember: false });
  await looks();
  expect(chrony.wanted.current).toEqual({ canBeRight: false });
  membership.set("member");
  await looks();
  expect(chrony.wanted.current).toEqual({ canBeRight: true });
});

test("a member whose clock was years ahead may still be set when time arrives", async () => {
  const { chrony, membership } = watching({ now: at("2036-01-01"), isMember: false });
  membership.set("member");
  await looks();
  expect(chrony.wanted.current).toEqual({ canBeRight: false });
});

test("time servers that are years behind the release are not followed", async () => {
  const { chrony, state, lines } = watching({ now: NOW, isMember: false });
  await looks();
  Object.assign(state, { now: at("1999-01-01"), isKept: true });
  await looks();
  expect(state.now).toBe(RELEASED.getTime());
  expect(chrony.wanted.current).toEqual({ canBeRight: true });
  expect(lines()).toContain("Time servers say that it is 1999-01-01T00:00:00Z, which is before");
});

test("who writes a time to the ESP that no clock can have does not end the watch", async () => {
  const early = RELEASED.getTime() - DAY_MS;
  const { state, troubles } = watching({ now: NOW, last: "+275760-09-12T00:00:00Z" });
  await looks();
  Object.assign(state, { now: early, isKept: true });
  await looks();
  expect(state.now).toBeGreaterThanOrEqual(RELEASED.getTime());
  expect(state.now).toBeLessThan(at("2200-01-01T00:00:00Z"));
  expect(troubles.all.current).toEqual([]);
});

test("what time servers want and do not get is told, with what to do", async () => {
  const { watch, troubles } = watching({ now: NOW, last: "2027-02-28T12:00:00Z" });
  watch.refuse(-3650 * 86_400);
  await looks();
  expect(troubles.all.current).toEqual([
    "the clock, at 2027-03-01, is 3650 days fast by the time servers, which prove nothing: " +
      "it is not set; if they are right, set it in the firmware's settings",
  ]);
});

test("a clock that nobody keeps is told of after some minutes", async () => {
  const { state, troubles } = watching({ now: NOW, last: "2027-02-28T12:00:00Z" });
  await looks();
  expect(troubles.all.current).toEqual([]);
  Object.assign(state, { now: state.now + 400_000, uptime: 430_000 });
  await looks();
  expect(troubles.all.current).toEqual(["the clock is not kept: no time server answers"]);
});

test("what was believed moves on with the clock, each hour", async () => {
  const { state, saved } = watching({ now: NOW, last: "2027-02-28T12:00:00Z" });
  await looks();
  Object.assign(state, { now: NOW + DAY_MS, uptime: 30_000 + DAY_MS });
  await looks();
  expect(saved()).toBe("2027-03-02T12:00:00.000Z");
});
