// What dhcpcd tells its hook, as the node needs it. The hook passes its
// environment on; this reads it, and believes nothing that is not an address:
// whoever answers DHCP requests may lie.
import { isIP } from "node:net";
import { hostAddressFault } from "../../base/format/host-address.ts";

/** What one protocol on one interface has to offer at the moment. */
export interface Lease {
  readonly interface: string;
  readonly family: "ipv4" | "ipv6";
  /** The node's own addresses, best first; none for router advertisements that only point on. */
  readonly addresses: readonly string[];
  /** Whether it names a router, by which others elsewhere are reached. */
  readonly hasRouter: boolean;
  readonly nameservers: readonly string[];
  readonly timeServers: readonly string[];
}

/** One message of the hook: what happened, and the lease if there is one now. */
export interface HookEvent {
  /** dhcpcd's word for it, such as BOUND or EXPIRE. */
  readonly reason: string;
  /** What it is about: interface and protocol. */
  readonly key: string;
  /** Absent when there is no lease any more. */
  readonly lease?: Lease;
}

/** The variables of the environment that the hook passes on. */
export type HookVariables = Readonly<Record<string, string>>;

/**
 * A protocol that gives leases. DHCPv6 and router advertisements are two: each comes and goes
 * by itself, and an advertisement every few minutes says nothing of the other's address.
 */
interface Protocol {
  readonly name: "ipv4" | "ipv6" | "router";
  readonly held: ReadonlySet<string>;
  readonly lost: ReadonlySet<string>;
  readonly read: (name: string, variables: HookVariables) => Lease;
}

/** The whole interface is out of use. */
const GONE = ["NOCARRIER", "DEPARTED", "STOPPED"];

const protocols: readonly Protocol[] = [
  {
    name: "ipv4",
    held: new Set(["BOUND", "RENEW", "REBIND", "REBOOT", "INFORM", "STATIC", "TIMEOUT"]),
    lost: new Set(["EXPIRE", "NAK", "RELEASE", "STOP", "FAIL", ...GONE]),
    read: lease4,
  },
  {
    name: "ipv6",
    held: new Set(["BOUND6", "RENEW6", "REBIND6", "REBOOT6", "INFORM6"]),
    lost: new Set(["EXPIRE6", "RELEASE6", "STOP6", "FAIL6", ...GONE]),
    read: lease6,
  },
  { name: "router", held: new Set(["ROUTERADVERT"]), lost: new Set(GONE), read: advertisement },
];

/** The events in one message: none for reasons that change no lease, several for a pulled cable. */
export function readHook(variables: HookVariables): readonly HookEvent[] {
  const { reason = "", interface: interfaceName = "" } = variables;
  if (!/^[a-zA-Z0-9._-]{1,15}$/.test(interfaceName)) return [];
  return protocols.flatMap(({ name, held, lost, read }) => {
    const event = { reason, key: `${interfaceName} ${name}` };
    if (held.has(reason)) return [{ ...event, lease: read(interfaceName, variables) }];
    return lost.has(reason) ? [event] : [];
  });
}

function lease4(name: string, variables: HookVariables): Lease {
  const { new_classless_static_routes: routes, new_routers: routers } = variables;
  return {
    interface: name,
    family: "ipv4",
    addresses: ownAddresses([variables.new_ip_address], 4),
    // Where there are classless routes, these count alone: RFC 3442.
    hasRouter: routes === undefined ? addresses(routers, 4).length > 0 : hasDefaultRoute(routes),
    nameservers: addresses(variables.new_domain_name_servers, 4),
    timeServers: addresses(variables.new_ntp_servers, 4),
  };
}

function hasDefaultRoute(routes: string): boolean {
  return /(?:^|\s)0\.0\.0\.0\/0\s/.test(routes);
}

function lease6(name: string, variables: HookVariables): Lease {
  const own = valuesOf(variables, /^new_dhcp6_ia_na\d+_ia_addr\d+$/);
  return {
    interface: name,
    family: "ipv6",
    addresses: ownAddresses(own, 6),
    // It cannot say so; advertisements do.
    hasRouter: false,
    nameservers: addresses(variables.new_dhcp6_name_servers, 6),
    timeServers: addresses(variables.new_dhcp6_sntp_servers, 6),
  };
}

/** What all routers on the link say together. */
function advertisement(name: string, variables: HookVariables): Lease {
  const servers = valuesOf(variables, /^nd\d+_rdnss\d+_servers$/);
  return {
    interface: name,
    family: "ipv6",
    addresses: ownAddresses(valuesOf(variables, /^nd\d+_addr\d+$/), 6),
    // Who advertises no lifetime is no router for others, but for its prefix alone.
    hasRouter: valuesOf(variables, /^nd\d+_lifetime$/).some((seconds) => Number(seconds) > 0),
    nameservers: servers.flatMap((text) => addresses(text, 6)),
    timeServers: [],
  };
}

/** Values of the variables with such a name, in the order of their numbers. */
function valuesOf(variables: HookVariables, name: RegExp): readonly string[] {
  const collator = new Intl.Collator("en", { numeric: true });
  const names = Object.keys(variables).filter((each) => name.test(each));
  return names.toSorted(collator.compare).map((each) => variables[each] ?? "");
}

/** Those of a family that others can reach this machine at, with or without a prefix length. */
function ownAddresses(offered: readonly (string | undefined)[], family: 4 | 6): readonly string[] {
  return offered
    .flatMap((text) => addresses(text?.split("/")[0], family))
    .filter((address) => hostAddressFault(address) === undefined);
}

/** The addresses of one family in a list; anything else is dropped. */
function addresses(text: string | undefined, family: 4 | 6): readonly string[] {
  return (text ?? "").split(/[\s,]+/).filter((word) => isIP(word) === family);
}
