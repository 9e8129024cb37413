// The ticket with which machines may register. There is one; it is made when it
// is first asked for.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { RegisterTicketSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "./keys.ts";
import type { LeaderStore } from "./leader-store.ts";
import { TICKET_BYTES } from "./limits.ts";

const SECRET_BYTES = 32;

/** The ticket, as machines are given it. Hold the lock of the ticket meanwhile. */
export async function ensureRegisterTicket(store: LeaderStore): Promise<Uint8Array> {
  const existing = await store.get(keys.registerTicket);
  if (existing !== undefined) return existing.value;
  return rotateTicket(store);
}

/** Makes a new ticket in place of what there is. Hold the lock of the ticket meanwhile. */
export async function rotateTicket(store: LeaderStore): Promise<Uint8Array> {
  const opaque = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  const value = toBinary(RegisterTicketSchema, create(RegisterTicketSchema, { opaque }));
  await store.commit([{ put: keys.registerTicket, value }]);
  return value;
}

/** The ticket that counts at the moment. */
export interface PresentTicket {
  /** Tells it from others, and is no secret. */
  readonly digest: Uint8Array;
  /** Whether a machine shows it. */
  readonly isShown: (ticket: Uint8Array) => boolean;
}

/** Reads it; before there is one nothing is right. */
export async function presentTicket(store: LeaderStore): Promise<PresentTicket> {
  const existing = await store.get(keys.registerTicket);
  const secret = opaque(existing?.value ?? new Uint8Array());
  return {
    digest: new Uint8Array(Bun.SHA256.hash(secret).buffer),
    isShown: (ticket) =>
      secret.length > 0 &&
      ticket.length <= TICKET_BYTES &&
      constantTimeEqual(opaque(ticket), secret),
  };
}

/** The secret in a ticket; empty for what is no ticket, which equals no secret. */
function opaque(ticket: Uint8Array): Uint8Array {
  try {
    return fromBinary(RegisterTicketSchema, ticket).opaque;
  } catch {
    // Anyone may send anything as a ticket: it is wrong, and that is all.
    return new Uint8Array();
  }
}
