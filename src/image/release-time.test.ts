// Tests of the release's time against the commit that it is made from, so that they mean the same
// whenever they run.
import { expect, test } from "bun:test";
import { run } from "../base/process/process.ts";
import { RELEASED } from "./release-time.ts";

/** A clock that stands still at the release's time for longer would strand machines again. */
const OLDEST_DAYS = 60;

test("the release's time is near that of its commit, and not after it", async () => {
  const { text } = await run(["git", "-C", import.meta.dir, "log", "-1", "--format=%cI"]);
  const days = (Date.parse(text.trim()) - RELEASED.getTime()) / 86_400_000;
  expect(days).toBeGreaterThan(0);
  expect(days).toBeLessThan(OLDEST_DAYS);
});
