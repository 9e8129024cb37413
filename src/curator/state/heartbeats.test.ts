// Tests of health, on a clock that the test turns.
import { expect, test } from "bun:test";
import { Node_Health } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { Heartbeats } from "./heartbeats.ts";

function atTime() {
  const time = { now: 5_000 };
  return { time, heartbeats: new Heartbeats(() => time.now) };
}

test("health of a silent node is UNKNOWN under a new leader, then HEARTBEAT_TIMEOUT", () => {
  const { time, heartbeats } = atTime();
  expect(heartbeats.health("a", NodeState.UP)).toBe(Node_Health.UNKNOWN);
  time.now += 10_000;
  expect(heartbeats.health("a", NodeState.UP)).toBe(Node_Health.UNKNOWN);
  time.now += 1;
  expect(heartbeats.health("a", NodeState.UP)).toBe(Node_Health.HEARTBEAT_TIMEOUT);
});

test("health of a node is HEALTHY for ten seconds after a heartbeat", () => {
  const { time, heartbeats } = atTime();
  heartbeats.record("a");
  time.now += 10_000;
  expect(heartbeats.health("a", NodeState.UP)).toBe(Node_Health.HEALTHY);
  time.now += 1;
  expect(heartbeats.health("a", NodeState.UP)).toBe(Node_Health.HEARTBEAT_TIMEOUT);
  heartbeats.record("a");
  expect(heartbeats.health("a", NodeState.UP)).toBe(Node_Health.HEALTHY);
});

test.each([NodeState.NEW, NodeState.STANDBY, NodeState.DECOMMISSIONED])(
  "health of a node in state %p is UNKNOWN",
  (state) => {
    const { heartbeats } = atTime();
    heartbeats.record("a");
    expect(heartbeats.health("a", state)).toBe(Node_Health.UNKNOWN);
  },
);

test("since counts from the last heartbeat", () => {
  const { time, heartbeats } = atTime();
  heartbeats.record("a");
  time.now += 2_500;
  expect(heartbeats.since("a")).toEqual({ seconds: 2n, nanos: 500_000_000 });
});

test("since without a heartbeat, or after forget, is the longest duration", () => {
  const { heartbeats } = atTime();
  heartbeats.record("a");
  heartbeats.forget("a");
  expect(heartbeats.since("a").seconds).toBe(315_576_000_000n);
});
