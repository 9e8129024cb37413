// NodeManagement.Reboot: restarts the machine, or switches it off, in order.
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import {
  RebootRequest_NextBoot as NextBoot,
  type NodeManagement,
  RebootRequest_Type as Type,
} from "../../gen/metropolis/proto/api/management_pb.ts";

/** How the machine shall end its work. */
export type PowerRequest = "reboot" | "powerOff";

/** Time for the answer to reach the caller before the network goes down. */
const DELAY_MS = 500;

/** Answers first, then asks for the restart. */
export function reboot(
  power: (request: PowerRequest) => void,
): Handler<typeof NodeManagement.method.reboot> {
  return async ({ type, nextBoot }) => {
    const request = powerRequest(type);
    if (nextBoot === NextBoot.START_ROLLBACK || nextBoot === NextBoot.START_FIRMWARE_UI) {
      throw new RpcError(Code.unimplemented, "this node can only start as it did before");
    }
    if (nextBoot !== NextBoot.START_NORMAL) {
      throw new RpcError(Code.unimplemented, `unknown next_boot ${nextBoot}`);
    }
    setTimeout(() => power(request), DELAY_MS);
    return {};
  };
}

function powerRequest(type: Type): PowerRequest {
  switch (type) {
    case Type.FIRMWARE:
      return "reboot";
    case Type.POWER_OFF:
      return "powerOff";
    default:
      throw new RpcError(
        Code.unimplemented,
        `a restart of type ${Type[type] ?? type} is not to be had`,
      );
  }
}
