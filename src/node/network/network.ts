// The node's way to the outside: one DHCP client over all Ethernet devices, for
// IPv4 and IPv6, and what follows from its leases.
//
//   dhcpcd ─ runs ─► dhcp-hook (this executable again) ─ one line of JSON ─┐
//      │                                                                  ▼
//      └─ its own words ─► states of the client ◄─────────────── hook socket
//                                 │                                       │
//                     log: DISCOVERING => REQUESTING        leases by interface
//                                                                         │
//                                         Value<NetworkStatus>, /run/resolv.conf
//
// dhcpcd itself sets addresses and routes; we decide what is believed of names
// and time, and which address the node is known by.
import type { Value } from "../../base/event/event.ts";
import { writeSysctl } from "../../base/linux/sysctl.ts";
import { run as command } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { dhcp } from "./dhcp.ts";
import { leadBySource } from "./source-routes.ts";
import type { NetworkStatus } from "./status.ts";

export { type NetworkStatus, noNetwork } from "./status.ts";

/** What the kernel must be told before any interface comes up. */
export const networkSettings: Readonly<Record<string, string>> = {
  "net.ipv4.conf.all.rp_filter": "1",
  "net.ipv4.conf.all.accept_source_route": "0",
  // Of two interfaces on one link, each is asked for its own addresses alone; see source-routes.ts.
  "net.ipv4.conf.all.arp_ignore": "1",
  // dhcpcd handles router advertisements, so that their servers reach the hook.
  "net.ipv6.conf.all.accept_ra": "0",
  "net.ipv6.conf.default.accept_ra": "0",
  "net.ipv6.conf.all.keep_addr_on_down": "1",
};

/** The runnable of the network; `status` is what it offers to the others. */
export function network(status: Value<NetworkStatus>): Runnable {
  return async ({ log, run, healthy, done }) => {
    for (const [name, value] of Object.entries(networkSettings)) writeSysctl(name, value);
    // etcd's clients, the curator and we meet there; nobody else would bring it up.
    await command(["/usr/bin/ip", "link", "set", "dev", "lo", "up"]);
    run("interfaces", async (context) => {
      context.log.info("Starting network interface management");
      context.run("dhcp", dhcp(status));
      context.run("sources", leadBySource(status));
      context.healthy();
      context.done();
    });
    healthy();
    log.info("Network is managed");
    done();
  };
}
