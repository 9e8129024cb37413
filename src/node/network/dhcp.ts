// dhcpcd as a runnable: its configuration, its hook's socket, its states.
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { Lock, type Value } from "../../base/event/event.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { program } from "../../base/process/process.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { HOOK_SOCKET } from "./dhcp-hook.ts";
import { DhcpStates } from "./dhcp-state.ts";
import { INTERFACES, machineDuid } from "./duid.ts";
import { type HookEvent, type HookVariables, readHook } from "./lease.ts";
import { Leases, type NetworkStatus, noNetwork, resolvConf } from "./status.ts";

/** The client and its files. Tests have their own. */
export interface DhcpPlaces {
  readonly program: string;
  readonly configuration: string;
  /** Where /var/lib/dhcpcd leads on our root. */
  readonly state: string;
  readonly resolvConf: string;
  readonly hookSocket: string;
  /** Absent: where the kernel shows network devices. */
  readonly devices?: string;
}

const machine: DhcpPlaces = {
  program: "/usr/sbin/dhcpcd",
  configuration: "/run/metropolis/dhcpcd.conf",
  state: "/run/lib/dhcpcd",
  resolvConf: "/ephemeral/names/resolv.conf",
  hookSocket: HOOK_SOCKET,
};
/** A message of the hook is some kB; more is not ours. */
const MAX_MESSAGE = 65_536;

/**
 * dhcpcd.conf(5). Interfaces of pods and tunnels are none of its business. An
 * address is used without asking first whether somebody else has it (noarp):
 * that takes five seconds of every boot, and the server is to know.
 */
function configuration(duid: string | undefined): string {
  return `script /usr/lib/metropolis/dhcp-hook
allowinterfaces ${INTERFACES}
vendorclassid dev.monogon.metropolis.node.v1
clientid
${duid === undefined ? "" : `duid ${duid}\n`}option subnet_mask, routers, domain_name_servers, classless_static_routes
option interface_mtu, ntp_servers
option dhcp6_name_servers
option dhcp6_sntp_servers
require dhcp_server_identifier
noipv4ll
noarp
ipv6rs
ia_na
slaac hwaddr
`;
}

/** Runs dhcpcd and sets `status` to what its leases come to. */
export function dhcp(status: Value<NetworkStatus>, places: DhcpPlaces = machine): Runnable {
  const { program: path, configuration: file, state, resolvConf: resolver, hookSocket } = places;
  return async (context) => {
    for (const folder of [dirname(hookSocket), state]) mkdirSync(folder, { recursive: true });
    await writeFileAtomic(file, configuration(machineDuid(places.devices)), 0o600);
    const states = new DhcpStates();
    const client = { leases: new Leases(), states, status, resolver, order: new Lock() };
    const onMessage = (variables: HookVariables) => take(variables, client, context);
    const server = await listen(hookSocket, context, onMessage);
    try {
      await program({
        argv: [path, "--nobackground", "--config", file],
        env: { PATH: "/usr/sbin:/usr/bin" },
        onStderr: (line) => tell(line, states, context),
        onStdout: (line) => tell(line, states, context),
      })(context);
    } finally {
      server.close();
      status.set(noNetwork);
    }
  };
}

/** Logs what dhcpcd says, and the transition if it speaks of one. */
function tell(line: string, states: DhcpStates, { raw, log }: Context): void {
  raw.write(`${line}\n`);
  const transition = states.read(line);
  if (transition !== undefined) log.info(transition);
}

/** What the hook's messages change. */
interface Client {
  readonly leases: Leases;
  readonly states: DhcpStates;
  readonly status: Value<NetworkStatus>;
  /** Path of resolv.conf. */
  readonly resolver: string;
  /** Messages are taken one after the other, in the order in which they came. */
  readonly order: Lock;
}

async function take(variables: HookVariables, client: Client, { log }: Context): Promise<void> {
  await client.order.hold(async () => {
    for (const event of readHook(variables)) await apply(event, client, log);
  });
}

async function apply(event: HookEvent, client: Client, log: Logger) {
  const { leases, states, status, resolver } = client;
  const now = leases.apply(event);
  const { lease } = event;
  if (lease?.family === "ipv4") {
    const transition = states.enter(lease.interface, "BOUND");
    if (transition !== undefined) log.info(transition);
  }
  await writeFileAtomic(resolver, resolvConf(now), 0o644);
  const line = addressLine(now.addresses, event.key);
  const before = status.current?.addresses ?? [];
  if (now.addresses.join() !== before.join()) log.info(line);
  status.set(now);
}

function addressLine([first, ...more]: readonly string[], key: string): string {
  if (first === undefined) return `No address any more on ${key}`;
  const others = more.length === 0 ? "" : ` (then ${more.join(", ")})`;
  return `Address is ${first}${others}, from ${key}`;
}

/** The socket that hooks write to, one line each. */
async function listen(
  path: string,
  { log }: Context,
  onMessage: (variables: HookVariables) => Promise<void>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    void receive(socket)
      .then(onMessage)
      .catch((error: Error) => log.warning(`Message of the DHCP hook: ${error.message}`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return server;
}

/** A message that is not what the hook sends. */
class HookError extends Error {
  override readonly name = "HookError";
}

async function receive(socket: Socket): Promise<HookVariables> {
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.length > MAX_MESSAGE) throw new HookError(`longer than ${MAX_MESSAGE} bytes`);
  }
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new HookError("no object");
  const entries = Object.entries(value).filter(([, entry]) => typeof entry === "string");
  return Object.fromEntries(entries) as HookVariables;
}
