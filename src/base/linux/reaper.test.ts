// Tests of reaping: this process becomes a subreaper that has both orphans and children.
import { expect, test } from "bun:test";
import { setTimeout as delay } from "node:timers/promises";
import { reapOrphans } from "./reaper.ts";
import { becomeSubreaper } from "./test-subreaper.ts";

/** Starts a shell that leaves an orphan behind and exits with the code. */
async function parentOfOrphan(code: number, own: Set<number>): Promise<number> {
  const child = Bun.spawn(["sh", "-c", `sleep 0.0${code + 1} >/dev/null & exit ${code}`]);
  own.add(child.pid);
  const result = await child.exited;
  own.delete(child.pid);
  return result;
}

test("reapOrphans takes the orphans and leaves our own children's statuses alone", async () => {
  becomeSubreaper();
  const own = new Set<number>();
  const reaped = new Set<number>();
  const timer = setInterval(() => {
    for (const pid of reapOrphans(own)) reaped.add(pid);
  }, 1);
  const codes = await Promise.all([...Array(10).keys()].map((code) => parentOfOrphan(code, own)));
  for (let tries = 0; reaped.size < 10 && tries < 300; tries++) await delay(10);
  clearInterval(timer);
  expect(codes).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(reaped.size).toBe(10);
});

test("reapOrphans finds nothing where no child is dead", () => {
  expect(reapOrphans(new Set())).toEqual([]);
});
