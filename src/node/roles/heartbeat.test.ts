// Tests of the heartbeat.
import { expect, test } from "bun:test";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { heartbeat } from "./heartbeat.ts";
import { testCluster } from "./test-cluster.ts";

test("heartbeat beats at once and then again and again, and is healthy once answered", async () => {
  await using cluster = await testCluster();
  await using tested = testSupervisor(heartbeat(cluster.curator, 5));
  await cluster.beats.first(AbortSignal.timeout(5_000), (beats) => beats >= 3);
  expect(tested.states().get("root")).toBe("HEALTHY");
});

test("heartbeat fails when there is nobody to hear it, so that it is started again", async () => {
  const gone = await testCluster();
  await gone[Symbol.asyncDispose]();
  await using tested = testSupervisor(heartbeat(gone.curator, 5));
  while (tested.pauses.length < 2) await tested.pass();
  expect(tested.states().get("root")).not.toBe("HEALTHY");
});
