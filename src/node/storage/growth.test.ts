// Tests of growing, on a disk that remembers what was written to it.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { BLOCK_BYTES, dataLayout } from "./data-layout.ts";
import { type Growing, growth, type Pace, size } from "./growth.ts";

const MIB = 1n << 20n;

/** A disk that refuses what would break the rule: no file system over unwritten sectors. */
class Disk implements Growing {
  readonly layout;
  /** Everything below was written. */
  written: bigint;
  #covered: bigint;
  /** Steps until the power goes. */
  steps = Number.POSITIVE_INFINITY;

  constructor(deviceBytes: bigint) {
    this.layout = dataLayout(deviceBytes);
    this.written = this.layout.initialBytes;
    this.#covered = this.layout.initialBytes;
  }

  covered() {
    return this.#covered;
  }

  async zero(start: bigint, length: bigint) {
    this.#step();
    expect(start).toBeGreaterThanOrEqual(this.#covered);
    expect(start).toBeLessThanOrEqual(this.written);
    const end = start + length;
    if (end > this.written) this.written = end;
  }

  grow(end: bigint) {
    this.#step();
    expect(end).toBeLessThanOrEqual(this.written);
    this.#covered = end;
  }

  #step() {
    this.steps -= 1;
    if (this.steps < 0) throw new RangeError("power is gone");
  }
}

const noPace: Pace = { now: () => 0, sleep: async () => {} };

/** Runs the growth once under a supervisor; true if it ended by itself. */
async function runOnce(disk: Growing, pace: Pace = noPace): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const runnable = growth(disk, pace);
  const supervisor = new Supervisor(async (context) => {
    try {
      await runnable(context);
      resolve(true);
    } catch (error) {
      resolve(false);
      throw error;
    }
  });
  supervisor.start();
  const result = await promise;
  await supervisor.stop();
  return result;
}

test("growth covers the whole device", async () => {
  const disk = new Disk(2458n * MIB);
  expect(await runOnce(disk)).toBe(true);
  expect(disk.covered()).toBe(2458n * MIB);
});

test("growth goes on where the file system ends after power cuts, at any step", async () => {
  const cuts = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 5 });
  const property = fc.asyncProperty(cuts, async (lives) => {
    const disk = new Disk(3000n * MIB);
    for (const steps of lives) {
      disk.steps = steps;
      await runOnce(disk);
    }
    disk.steps = Number.POSITIVE_INFINITY;
    expect(await runOnce(disk)).toBe(true);
    expect(disk.layout.finalBytes - disk.covered()).toBeLessThan(64n * BLOCK_BYTES);
  });
  await fc.assert(property, { numRuns: 20 });
});

test("growth rests as long as it writes", async () => {
  const disk = new Disk(1000n * MIB);
  let clock = 0;
  let rested = 0;
  const write = disk.zero.bind(disk);
  disk.zero = async (start, length) => {
    clock += Number(length / MIB);
    await write(start, length);
  };
  const sleep = async (ms: number) => {
    rested += ms;
  };
  await runOnce(disk, { now: () => clock, sleep });
  expect(rested).toBe(clock);
  expect(clock).toBe(1000 - 320);
});

test("size reads well", () => {
  expect([320n * MIB, 4096n * 1024n * MIB].map(size)).toEqual(["0.3 GiB", "4096 GiB"]);
});
