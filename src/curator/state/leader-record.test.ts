// Tests of a record in the hands of a leader whose writes may lose their answers.
import { expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  type Recovery,
  RecoverySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "./keys.ts";
import type { RecordChange } from "./leader-record.ts";
import { testLeader } from "./test-leader.ts";

const key = (byte: number) => new Uint8Array(32).fill(byte);

/** Sets the one field that these tests look at. */
const naming = (byte: number) => (record: Recovery) =>
  Object.assign(record, { operatorPublicKey: key(byte) });

const lost = new RpcError(Code.unavailable, "no answer");

test("a change is read back, and told to those who follow", async () => {
  await using leader = await testLeader();
  const { recovery } = leader;
  const watching = recovery.watch(AbortSignal.timeout(5_000));
  expect((await watching.next()).value?.operatorPublicKey).toEqual(new Uint8Array());
  await recovery.change(naming(1));
  expect((await watching.next()).value?.operatorPublicKey).toEqual(key(1));
  const stored = await leader.raw.get(keys.recovery);
  expect(fromBinary(RecoverySchema, stored?.value ?? key(0)).operatorPublicKey).toEqual(key(1));
});

test("a write whose answer was lost is found at the next look, and told", async () => {
  await using leader = await testLeader();
  const { recovery, store } = leader;
  const watching = recovery.watch(AbortSignal.timeout(5_000));
  await watching.next();
  const commit = async ({ writes, compares }: RecordChange) => {
    await store.commit(writes, compares);
    throw lost;
  };
  const change = recovery.change(naming(1), commit);
  await expect(change).rejects.toBe(lost);
  expect((await recovery.current()).operatorPublicKey).toEqual(key(1));
  expect((await watching.next()).value?.operatorPublicKey).toEqual(key(1));
});

test("a write that arrives late changes nothing any more", async () => {
  await using leader = await testLeader();
  const { recovery, store } = leader;
  let late: RecordChange | undefined;
  const commit = async (change: RecordChange) => {
    late = change;
    throw lost;
  };
  const first = recovery.change(naming(1), commit);
  await expect(first).rejects.toBe(lost);
  await recovery.change(naming(2));
  const arriving = store.commit(late?.writes ?? [], late?.compares);
  await expect(arriving).rejects.toMatchObject({ code: Code.unavailable });
  expect((await recovery.current()).operatorPublicKey).toEqual(key(2));
});
