// Tests of the heartbeat.
import { expect, test } from "bun:test";
import { Value } from "../../base/event/event.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { heartbeat } from "./heartbeat.ts";
import { testCluster } from "./test-cluster.ts";

test("heartbeat beats at once and then again and again, and is healthy once answered", async () => {
  await using cluster = await testCluster();
  const isReached = new Value(false);
  await using tested = testSupervisor(
    heartbeat(cluster.curator, { isReached, isRefused: new Value(true) }, 5),
  );
  await cluster.beats.first(AbortSignal.timeout(5_000), (beats) => beats >= 3);
  expect(tested.states().get("root")).toBe("HEALTHY");
  expect(isReached.current).toBe(true);
});

test("heartbeat fails when there is nobody to hear it, so that it is started again", async () => {
  const gone = await testCluster();
  await gone[Symbol.asyncDispose]();
  const isReached = new Value(true);
  await using tested = testSupervisor(
    heartbeat(gone.curator, { isReached, isRefused: new Value(false) }, 5),
  );
  while (tested.pauses.length < 2) await tested.pass();
  expect(tested.states().get("root")).not.toBe("HEALTHY");
  expect(isReached.current).toBe(false);
});
