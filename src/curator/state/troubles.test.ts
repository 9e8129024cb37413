// Tests of what the leader sees that is wrong with nodes.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Node_RegistrationSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import {
  HardwareSchema,
  NodeRolesSchema,
  NodeStatusSchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { type TestLeader, testLeader } from "./test-leader.ts";
import { troublesOf } from "./troubles.ts";

const consensusMember = create(NodeRolesSchema, { consensusMember: {} });

function registration(address: string, seconds: number, serial = "1") {
  const hardware = create(HardwareSchema, { vendor: "v", model: "m", serial });
  return create(Node_RegistrationSchema, { address, hardware, time: { seconds: BigInt(seconds) } });
}

function troubles(leader: TestLeader, id: string): readonly string[] {
  const cached = leader.nodes.get(id);
  if (cached === undefined) throw new Error(`no node ${id}`);
  return troublesOf(leader, cached);
}

/** Everybody but those who beat now is silent afterwards. */
function later(leader: TestLeader, ...alive: readonly string[]): void {
  leader.time.now += 60_000;
  for (const id of alive) leader.heartbeats.record(id);
}

test("a node that is well has no troubles, one that says so has its own", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add();
  const status = create(NodeStatusSchema, { troubles: ["the disk is full"] });
  const { id: other } = await leader.add({ status });
  expect(troubles(leader, id)).toEqual([]);
  expect(troubles(leader, other)).toEqual(["the disk is full"]);
});

test("a silent node has the command that takes it out, with the flags that takes", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ roles: consensusMember });
  const { id: worker } = await leader.add();
  later(leader);
  const command = `metroctl node delete ${id} --bypass-has-roles --bypass-not-decommissioned`;
  expect(troubles(leader, id)).toEqual([
    `it is silent: switch it on; if it is gone, or was installed anew: ${command}`,
  ]);
  expect(troubles(leader, worker)[0]).toEndWith(
    `metroctl node delete ${worker} --bypass-not-decommissioned`,
  );
});

test("a silent node is known for the machine that has registered anew since", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ registration: registration("10.1.0.4", 100) });
  await leader.add({ registration: registration("10.1.0.5", 200) });
  await leader.add({ registration: registration("10.1.0.4", 200, "2") });
  const { id: heir } = await leader.add({ registration: registration("10.1.0.4", 300) });
  later(leader, heir);
  expect(troubles(leader, id)[0]).toStartWith(
    `it is silent; the same machine registered as ${heir} since: switch it on`,
  );
});

test("a node that waits for its place in consensus has the reason, as long as it wants one", async () => {
  await using leader = await testLeader();
  const { id } = await leader.add({ roles: consensusMember });
  const { id: worker } = await leader.add();
  for (const each of [id, worker]) leader.joinRefusals.set(each, "another is catching up");
  expect(troubles(leader, id)).toEqual([
    "it waits for its place in consensus: another is catching up",
  ]);
  expect(troubles(leader, worker)).toEqual([]);
});
