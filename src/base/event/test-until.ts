// Waiting in tests for what comes about by itself.
import { expect } from "bun:test";

const POLL_MS = 5;
const LIMIT_MS = 30_000;

/** Returns once `isSo` holds; fails the test when it does not within half a minute. */
export async function until(isSo: () => boolean): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!isSo() && performance.now() < limit) await Bun.sleep(POLL_MS);
  expect(isSo()).toBe(true);
}
