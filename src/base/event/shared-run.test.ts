// Tests of work that is shared.
import { expect, test } from "bun:test";
import { SharedRun } from "./shared-run.ts";

/** Work that ends when it is told to, and gives its number. */
function numbered() {
  const ends: PromiseWithResolvers<number>[] = [];
  const shared = new SharedRun(() => {
    const end = Promise.withResolvers<number>();
    ends.push(end);
    return end.promise;
  });
  const finish = async (at: number) => {
    ends[at]?.resolve(at);
    await Bun.sleep(0);
  };
  return { shared, ends, finish };
}

test("SharedRun begins at once, and once for all who ask meanwhile", async () => {
  const { shared, ends, finish } = numbered();
  const first = shared.run();
  const rest = [shared.run(), shared.run(), shared.run()];
  expect(ends).toHaveLength(1);
  await finish(0);
  expect(ends).toHaveLength(2);
  await finish(1);
  expect(await first).toBe(0);
  expect(await Promise.all(rest)).toEqual([1, 1, 1]);
  expect(shared.isIdle).toBe(true);
});

test("SharedRun lets nobody have a run that began before he asked", async () => {
  const { shared, ends, finish } = numbered();
  void shared.run();
  const second = shared.run();
  await finish(0);
  const third = shared.run();
  await finish(1);
  await finish(2);
  expect(ends).toHaveLength(3);
  expect([await second, await third]).toEqual([1, 2]);
});

test("SharedRun tells all who shared a run of its failure, and goes on", async () => {
  let count = 0;
  const shared = new SharedRun(async () => {
    count++;
    await Bun.sleep(1);
    if (count < 3) throw new TypeError(`run ${count}`);
    return count;
  });
  const settled = await Promise.allSettled([shared.run(), shared.run(), shared.run()]);
  const reasons = settled.map((each) => (each.status === "rejected" ? `${each.reason}` : "none"));
  expect(reasons).toEqual(["TypeError: run 1", "TypeError: run 2", "TypeError: run 2"]);
  expect(await shared.run()).toBe(3);
});
