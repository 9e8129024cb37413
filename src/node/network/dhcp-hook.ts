// The role `dhcp-hook`: what dhcpcd runs on every change. It hands its
// environment to the node over a socket and is gone; what to make of it is the
// node's business. The socket's path comes in the environment.
import { once } from "node:events";
import { connect } from "node:net";

/** Names of variables that the node has a use for. */
const wanted = /^(interface|reason|new_[a-z0-9_]+|nd\d+_[a-z0-9_]+)$/;

/** Where the node listens. */
export const HOOK_SOCKET = "/run/metropolis/dhcp.sock";

/** Passes one event on; ends with 1 when nobody listens, as dhcpcd goes on anyway. */
export async function main(): Promise<number> {
  const variables = Object.entries(process.env).filter(([name]) => wanted.test(name));
  const socket = connect(process.env.METROPOLIS_HOOK_SOCKET ?? HOOK_SOCKET);
  try {
    await once(socket, "connect");
    socket.end(`${JSON.stringify(Object.fromEntries(variables))}\n`);
    await once(socket, "close");
    return 0;
  } catch {
    // The node is being restarted; its new dhcpcd will tell everything again.
    return 1;
  }
}
