// By what a DHCPv6 server knows this machine. dhcpcd's own choice holds the time at which it
// was made and the interface that happened to be first: after each boot another, and with it
// another address.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The interfaces that are managed, as shell patterns of dhcpcd.conf(5). */
export const INTERFACES = "en* eth*";

/** DUID-LL of Ethernet, see RFC 8415. */
const PREFIX = "00:03:00:01";
const HARDWARE_ADDRESS = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** The DUID of the first interface by name; undefined where there is none yet. */
export function machineDuid(devices = "/sys/class/net"): string | undefined {
  const names = readdirSync(devices).filter((name) => /^(en|eth)/.test(name));
  for (const name of names.toSorted()) {
    const address = readFileSync(join(devices, name, "address"), "utf8").trim();
    if (HARDWARE_ADDRESS.test(address)) return `${PREFIX}:${address}`;
  }
  return undefined;
}
