// Management.RotateRegisterTicket: makes media that were written so far useless.
import type { Handler } from "../../base/rpc/rpc.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import type { Leader } from "../state/leader.ts";
import { rotateTicket } from "../state/register-ticket.ts";

/** Replaces the ticket. */
export function rotateRegisterTicket({
  store,
  ticketLock,
  log,
}: Leader): Handler<typeof Management.method.rotateRegisterTicket> {
  return async () => {
    const ticket = await ticketLock.hold(() => rotateTicket(store));
    log.info("The register ticket was replaced");
    return { ticket };
  };
}
