// What is said of a data partition that fills up.
import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { Troubles } from "../control/troubles.ts";
import { dataRoom } from "./room.ts";

const SENTENCE =
  "the data partition is nearly full, 12 MiB are left: install the node again on a larger disk";

test("dataRoom tells of a partition that is nearly full, and takes it back", async () => {
  const troubles = new Troubles();
  const membership = new Value<unknown>("a member");
  let bytes = 12 << 20;
  const watched = { root: "/data", membership, troubles, isGrowing: () => false, lookMs: 1 };
  await using _ = testSupervisor(dataRoom({ ...watched, free: async () => bytes }));
  await until(() => troubles.all.current?.[0] === SENTENCE);
  bytes = 1 << 30;
  await until(() => troubles.all.current?.length === 0);
});

test("dataRoom says nothing while the file system grows: a new node's is small for minutes", async () => {
  const troubles = new Troubles();
  const membership = new Value<unknown>("a member");
  let looks = 0;
  let grows = true;
  const free = async () => {
    looks += 1;
    return 12 << 20;
  };
  const watched = { root: "/data", membership, troubles, isGrowing: () => grows, lookMs: 1 };
  await using _ = testSupervisor(dataRoom({ ...watched, free }));
  await until(() => looks > 2);
  expect(troubles.all.current).toEqual([]);
  grows = false;
  await until(() => troubles.all.current?.[0] === SENTENCE);
});

test("dataRoom says nothing before the partition is mounted: what is there then has no room", async () => {
  const troubles = new Troubles();
  const membership = new Value<unknown>();
  let looks = 0;
  const free = async () => {
    looks += 1;
    return 0;
  };
  await using _ = testSupervisor(
    dataRoom({ root: "/data", membership, troubles, isGrowing: () => false, lookMs: 1, free }),
  );
  await Bun.sleep(20);
  expect(looks).toBe(0);
  membership.set("a member");
  await until(() => troubles.all.current?.length === 1);
});

test("dataRoom sees the room of a real file system", async () => {
  const troubles = new Troubles();
  const membership = new Value<unknown>("a member");
  const watched = { root: tmpdir(), membership, troubles, isGrowing: () => false, lookMs: 1 };
  await using _ = testSupervisor(dataRoom(watched));
  await Bun.sleep(20);
  expect(troubles.all.current).toEqual([]);
});
