// Tests of making room for a leader.
import { expect, test } from "bun:test";
import { Value } from "../../base/event/event.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { Control } from "../control/control.ts";
import { paths } from "../storage/paths.ts";
import { ETCD_PORTS, type Member } from "./config.ts";
import { reserve } from "./reserve.ts";

const where = paths("/nowhere");
const socket = where.ephemeral.etcdSocket;
const member: Member = { nodeId: "a", data: where.data, ports: ETCD_PORTS, socket };
const timing = { lookMs: 5, patienceMs: 20, restMs: 60_000 };

/** How often etcd was started again. */
async function starts(isReached: boolean, isFull: boolean): Promise<number> {
  const control = new Control<Member>();
  control.wanted.set(member);
  control.running.set(member);
  await using _ = testSupervisor(reserve(control, new Value(isReached), timing, () => isFull));
  await Bun.sleep(150);
  return control.wanted.current === member ? 0 : 1;
}

test("etcd is started again where its database is full and nobody leads", async () => {
  expect(await starts(false, true)).toBe(1);
});

test("etcd is left alone where somebody leads, and where it has room", async () => {
  expect(await starts(true, true)).toBe(0);
  expect(await starts(false, false)).toBe(0);
});
