// The one ticket of a cluster: made once, and told apart from all else.
import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { RegisterTicketSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "./keys.ts";
import type { Leader } from "./leader.ts";
import { ensureRegisterTicket, presentTicket } from "./register-ticket.ts";
import { testLeader } from "./test-leader.ts";

const encode = (opaque: Uint8Array) =>
  toBinary(RegisterTicketSchema, create(RegisterTicketSchema, { opaque }));

/** Whether the ticket of the cluster is what a machine shows. */
async function isShown({ store }: Leader, ticket: Uint8Array): Promise<boolean> {
  return (await presentTicket(store)).isShown(ticket);
}

test("ensureRegisterTicket makes 32 random bytes, and keeps them", async () => {
  await using leader = await testLeader();
  await using other = await testLeader();
  const ticket = await ensureRegisterTicket(leader.store);
  expect(fromBinary(RegisterTicketSchema, ticket).opaque).toHaveLength(32);
  expect(await ensureRegisterTicket(leader.store)).toEqual(ticket);
  expect(await ensureRegisterTicket(other.store)).not.toEqual(ticket);
});

test("ensureRegisterTicket makes none under a leader who was replaced", async () => {
  await using leader = await testLeader();
  await leader.depose();
  await expect(ensureRegisterTicket(leader.store)).rejects.toThrow();
  expect(await leader.raw.get(keys.registerTicket)).toBeUndefined();
});

test("presentTicket knows the ticket, and nothing near it", async () => {
  await using leader = await testLeader();
  const ticket = await ensureRegisterTicket(leader.store);
  expect(await isShown(leader, ticket)).toBe(true);
  const { opaque } = fromBinary(RegisterTicketSchema, ticket);
  for (let length = 0; length < opaque.length; length++)
    expect(await isShown(leader, encode(opaque.subarray(0, length)))).toBe(false);
  for (let at = 0; at < opaque.length; at++) {
    const near = opaque.map((byte, index) => (index === at ? byte ^ 1 : byte));
    expect(await isShown(leader, encode(near))).toBe(false);
  }
  expect(await isShown(leader, encode(Buffer.concat([opaque, opaque])))).toBe(false);
});

test("presentTicket takes no bytes for a ticket that are none", async () => {
  await using leader = await testLeader();
  expect(await isShown(leader, new Uint8Array())).toBe(false);
  expect(await isShown(leader, encode(new Uint8Array(32)))).toBe(false);
  await ensureRegisterTicket(leader.store);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
      expect(await isShown(leader, bytes)).toBe(false);
    }),
  );
});
