// Tests of the sizes of the data partition.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { BLOCK_BYTES, dataLayout, nextChunk } from "./data-layout.ts";

const MIB = 1n << 20n;
const GIB = 1n << 30n;

test.each([
  // device, group, initial, groups in all
  [2458n * MIB, 256n * MIB, 320n * MIB, 10n],
  [100n * GIB, 256n * MIB, 320n * MIB, 400n],
  [1024n * GIB, 2n * GIB, 2n * GIB + 64n * MIB, 512n],
  [4096n * GIB, 8n * GIB, 8n * GIB + 64n * MIB, 512n],
  [20480n * GIB, 16n * GIB, 16n * GIB + 64n * MIB, 1280n],
])("dataLayout of %d bytes has groups of %d, starts with %d", (device, group, initial, groups) => {
  const layout = dataLayout(device);
  expect(layout.groupBytes).toBe(group);
  expect(layout.initialBytes).toBe(initial);
  expect((layout.finalBytes + group - 1n) / group).toBe(groups);
});

test("dataLayout writes a tiny device whole", () => {
  const layout = dataLayout(200n * MIB + 17n);
  expect(layout.initialBytes).toBe(200n * MIB);
  expect(nextChunk(layout, layout.initialBytes)).toBeUndefined();
});

const deviceBytes = fc.bigInt({ min: 300n * MIB, max: 200n * 1024n * GIB });

test("dataLayout fits the log into the first group, for every size", () => {
  fc.assert(
    fc.property(deviceBytes, (device) => {
      const { logBytes, groupBytes, initialBytes, finalBytes } = dataLayout(device);
      expect(logBytes).toBeLessThanOrEqual(groupBytes / 4n);
      expect(initialBytes % BLOCK_BYTES).toBe(0n);
      expect(initialBytes).toBeLessThanOrEqual(finalBytes);
    }),
  );
});

test("nextChunk goes over the device without a gap and ends", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 300n * MIB, max: 500n * GIB }), (device) => {
      const layout = dataLayout(device);
      let covered = layout.initialBytes;
      for (let rounds = 0; ; rounds += 1) {
        const chunk = nextChunk(layout, covered);
        if (chunk === undefined) break;
        expect(chunk.start).toBe(covered);
        expect(chunk.end).toBeGreaterThan(covered);
        expect(chunk.end).toBeLessThanOrEqual(layout.finalBytes);
        expect(chunk.end % BLOCK_BYTES).toBe(0n);
        expect(rounds).toBeLessThan(3000);
        covered = chunk.end;
      }
      expect(layout.finalBytes - covered).toBeLessThan(64n * BLOCK_BYTES);
    }),
    { numRuns: 30 },
  );
});

test("nextChunk takes a small remainder along", () => {
  const layout = dataLayout(320n * MIB + 64n * MIB + 40n * MIB);
  const chunk = nextChunk(layout, layout.initialBytes);
  expect(chunk?.end).toBe(layout.finalBytes);
});

test("nextChunk stops where XFS dropped a remainder too small for a group", () => {
  const layout = dataLayout(1024n * MIB + 63n * BLOCK_BYTES);
  expect(nextChunk(layout, 1024n * MIB)).toBeUndefined();
  expect(nextChunk(layout, 960n * MIB)?.end).toBe(layout.finalBytes);
});
