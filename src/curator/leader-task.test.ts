// Tests of the leader's work: when it is looked at.
import { expect, test } from "bun:test";
import { Value } from "../base/event/event.ts";
import { until } from "../base/event/test-until.ts";
import { Code, RpcError } from "../base/rpc/rpc.ts";
import { testSupervisor } from "../base/supervisor/test-supervisor.ts";
import { leaderTask, type Settle } from "./leader-task.ts";
import type { Leader } from "./state/leader.ts";
import { testLeader } from "./state/test-leader.ts";

/** Looks, and how often that was. */
function looks(settle: Settle = async () => true) {
  const seen = { looks: 0 };
  const counted: Settle = async (leader) => {
    seen.looks++;
    return settle(leader);
  };
  return { seen, settle: counted };
}

test("a change is looked at, many at once only a few times", async () => {
  await using leader = await testLeader();
  const { seen, settle } = looks();
  await using _ = testSupervisor(leaderTask(new Value<Leader | undefined>(leader), settle));
  await until(() => seen.looks === 1);
  await leader.add();
  await until(() => seen.looks === 2);
  for (let change = 0; change < 50; change++) {
    await leader.add();
    await Bun.sleep(4);
  }
  expect(seen.looks).toBeGreaterThan(2);
  expect(seen.looks).toBeLessThan(10);
});

test("what changes during a look is looked at next", async () => {
  await using leader = await testLeader();
  const sizes: number[] = [];
  const settle: Settle = async ({ nodes }) => {
    sizes.push(nodes.list().length);
    if (sizes.length === 1) await leader.add();
    return true;
  };
  await using _ = testSupervisor(leaderTask(new Value<Leader | undefined>(leader), settle));
  await until(() => sizes.length === 2);
  expect(sizes).toEqual([0, 1]);
});

test("unfinished work is looked at again, and so is what failed", async () => {
  await using leader = await testLeader();
  const { seen, settle } = looks(async () => {
    if (seen.looks === 1) return false;
    if (seen.looks === 2) throw new RpcError(Code.unavailable, "electing");
    return true;
  });
  await using _ = testSupervisor(leaderTask(new Value<Leader | undefined>(leader), settle));
  await until(() => seen.looks === 3);
});

test("only a leader looks, and the next one at once", async () => {
  await using leader = await testLeader();
  const leading = new Value<Leader | undefined>(undefined);
  const { seen, settle } = looks();
  await using _ = testSupervisor(leaderTask(leading, settle));
  leading.set(leader);
  await until(() => seen.looks === 1);
  leading.set(undefined);
  await leader.add();
  await Bun.sleep(250);
  expect(seen.looks).toBe(1);
  leading.set({ ...leader });
  await until(() => seen.looks === 2);
});

test("who was replaced without noticing does not look", async () => {
  await using leader = await testLeader();
  await leader.depose();
  const { seen, settle } = looks();
  await using _ = testSupervisor(leaderTask(new Value<Leader | undefined>(leader), settle));
  await Bun.sleep(200);
  expect(seen.looks).toBe(0);
});
