// What all leases together come to: the node's address, and whom to ask for
// names and time.
import type { HookEvent, Lease } from "./lease.ts";

/** What the network offers to the rest of the node. */
export interface NetworkStatus {
  /** The address that others reach the node by; empty while there is none. */
  readonly address: string;
  readonly nameservers: readonly string[];
  readonly timeServers: readonly string[];
}

/** Nothing is known yet, or any more. */
export const noNetwork: NetworkStatus = { address: "", nameservers: [], timeServers: [] };

/** Leases by interface and family, as they change. */
export class Leases {
  readonly #held = new Map<string, Lease>();

  /** Takes an event in, and gives the status afterwards. */
  apply({ key, lease }: HookEvent): NetworkStatus {
    if (lease === undefined) this.#held.delete(key);
    else this.#held.set(key, lease);
    return this.status();
  }

  /** The status at this moment; interfaces in the order of their names. */
  status(): NetworkStatus {
    const leases = [...this.#held.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, lease]) => lease);
    return {
      address: externalAddress(leases),
      nameservers: unique(leases.flatMap(({ nameservers }) => nameservers)),
      timeServers: unique(leases.flatMap(({ timeServers }) => timeServers)),
    };
  }
}

/** IPv4 comes first, as the rest of the cluster's protocols still expect it. */
export function externalAddress(leases: readonly Lease[]): string {
  const candidates = leases.filter(({ address }) => address !== undefined);
  const chosen = candidates.find(({ family }) => family === "ipv4") ?? candidates[0];
  return chosen?.address ?? "";
}

/** The text of resolv.conf(5) for a status. */
export function resolvConf({ nameservers }: NetworkStatus): string {
  // glibc reads three at most.
  return nameservers
    .slice(0, 3)
    .map((address) => `nameserver ${address}\n`)
    .join("");
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
