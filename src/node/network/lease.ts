// What dhcpcd tells its hook, as the node needs it. The hook passes its
// environment on; this reads it, and believes nothing that is not an address:
// whoever answers DHCP requests may lie.
import { isIP } from "node:net";

/** What one protocol on one interface has to offer at the moment. */
export interface Lease {
  readonly interface: string;
  readonly family: "ipv4" | "ipv6";
  /** The node's own address; absent for router advertisements without one. */
  readonly address?: string;
  readonly nameservers: readonly string[];
  readonly timeServers: readonly string[];
}

/** One message of the hook: what happened, and the lease if there is one now. */
export interface HookEvent {
  /** dhcpcd's word for it, such as BOUND or EXPIRE. */
  readonly reason: string;
  /** What it is about: interface and family. */
  readonly key: string;
  /** Absent when there is no lease any more. */
  readonly lease?: Lease;
}

/** The variables of the environment that the hook passes on. */
export type HookVariables = Readonly<Record<string, string>>;

const held4 = new Set(["BOUND", "RENEW", "REBIND", "REBOOT", "INFORM", "STATIC", "TIMEOUT"]);
const held6 = new Set(["BOUND6", "RENEW6", "REBIND6", "REBOOT6", "INFORM6", "ROUTERADVERT"]);
const lost4 = new Set(["EXPIRE", "NAK", "RELEASE", "STOP", "NOCARRIER", "DEPARTED", "FAIL"]);
const lost6 = new Set([
  "EXPIRE6",
  "RELEASE6",
  "STOP6",
  "STOPPED",
  "NOCARRIER",
  "DEPARTED",
  "FAIL6",
]);

/** The events in one message: none for reasons that change no lease, two for a pulled cable. */
export function readHook(variables: HookVariables): readonly HookEvent[] {
  const { reason = "", interface: name = "" } = variables;
  if (!/^[a-zA-Z0-9._-]{1,15}$/.test(name)) return [];
  const events: HookEvent[] = [];
  if (held4.has(reason))
    events.push({ reason, key: `${name} ipv4`, lease: lease4(name, variables) });
  if (held6.has(reason))
    events.push({ reason, key: `${name} ipv6`, lease: lease6(name, variables) });
  if (lost4.has(reason)) events.push({ reason, key: `${name} ipv4` });
  if (lost6.has(reason)) events.push({ reason, key: `${name} ipv6` });
  return events;
}

function lease4(name: string, variables: HookVariables): Lease {
  const [address] = addresses(variables.new_ip_address, 4);
  return {
    interface: name,
    family: "ipv4",
    ...(address === undefined ? {} : { address }),
    nameservers: addresses(variables.new_domain_name_servers, 4),
    timeServers: addresses(variables.new_ntp_servers, 4),
  };
}

function lease6(name: string, variables: HookVariables): Lease {
  const offered = [
    variables.new_dhcp6_ia_na1_ia_addr1,
    variables.nd1_addr1,
    variables.nd1_prefix_information1_prefix,
  ];
  const [address] = offered.flatMap((text) => addresses(text?.split("/")[0], 6));
  return {
    interface: name,
    family: "ipv6",
    ...(address === undefined || address.endsWith("::") ? {} : { address }),
    nameservers: [
      ...addresses(variables.new_dhcp6_name_servers, 6),
      ...addresses(variables.nd1_rdnss1_servers, 6),
    ],
    timeServers: addresses(variables.new_dhcp6_sntp_servers, 6),
  };
}

/** The addresses of one family in a list; anything else is dropped. */
function addresses(text: string | undefined, family: 4 | 6): readonly string[] {
  return (text ?? "").split(/[\s,]+/).filter((word) => isIP(word) === family);
}
