// The one ticket of a cluster: made once, and told apart from all else.
import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { RegisterTicketSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "./keys.ts";
import { ensureRegisterTicket, isRegisterTicket } from "./register-ticket.ts";
import { testLeader } from "./test-leader.ts";

const encode = (opaque: Uint8Array) =>
  toBinary(RegisterTicketSchema, create(RegisterTicketSchema, { opaque }));

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

test("isRegisterTicket knows the ticket, and nothing near it", async () => {
  await using leader = await testLeader();
  const ticket = await ensureRegisterTicket(leader.store);
  expect(await isRegisterTicket(leader.store, ticket)).toBe(true);
  const { opaque } = fromBinary(RegisterTicketSchema, ticket);
  for (let length = 0; length < opaque.length; length++)
    expect(await isRegisterTicket(leader.store, encode(opaque.subarray(0, length)))).toBe(false);
  for (let at = 0; at < opaque.length; at++) {
    const near = opaque.map((byte, index) => (index === at ? byte ^ 1 : byte));
    expect(await isRegisterTicket(leader.store, encode(near))).toBe(false);
  }
  expect(await isRegisterTicket(leader.store, encode(Buffer.concat([opaque, opaque])))).toBe(false);
});

test("isRegisterTicket takes no bytes for a ticket that are none", async () => {
  await using leader = await testLeader();
  expect(await isRegisterTicket(leader.store, new Uint8Array())).toBe(false);
  expect(await isRegisterTicket(leader.store, encode(new Uint8Array(32)))).toBe(false);
  await ensureRegisterTicket(leader.store);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
      expect(await isRegisterTicket(leader.store, bytes)).toBe(false);
    }),
  );
});
