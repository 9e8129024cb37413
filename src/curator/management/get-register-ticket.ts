// Management.GetRegisterTicket: gives what a machine needs in order to register.
import type { Handler } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import type { Leader } from "../state/leader.ts";
import { ensureRegisterTicket } from "../state/register-ticket.ts";

/** Gives the ticket, and makes it when there is none. */
export function getRegisterTicket({
  store,
  ticketLock,
}: Leader): Handler<typeof Management.method.getRegisterTicket> {
  return async () => ({ ticket: await ticketLock.hold(() => ensureRegisterTicket(store)) });
}
