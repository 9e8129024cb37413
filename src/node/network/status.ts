// What all leases together come to: the node's addresses, and whom to ask for
// names and time.
import { Choice } from "./choice.ts";
import type { HookEvent, Lease } from "./lease.ts";

/** What the network offers to the rest of the node. */
export interface NetworkStatus {
  /** The addresses that others reach the node by, best first; empty while there is none. */
  readonly addresses: readonly string[];
  readonly nameservers: readonly string[];
  readonly timeServers: readonly string[];
}

/** Nothing is known yet, or any more. */
export const noNetwork: NetworkStatus = { addresses: [], nameservers: [], timeServers: [] };

/** Leases by interface and protocol, as they change. */
export class Leases {
  readonly #held = new Map<string, Lease>();
  readonly #choice: Choice;

  /** `clock` gives milliseconds that only grow. */
  constructor(clock: () => number = () => performance.now()) {
    this.#choice = new Choice(clock);
  }

  /** Takes an event in, and gives the status afterwards. */
  apply({ key, lease }: HookEvent): NetworkStatus {
    if (lease === undefined) this.#held.delete(key);
    else this.#held.set(key, lease);
    return this.status();
  }

  /** The status at this moment. */
  status(): NetworkStatus {
    const held = [...this.#held].map(([key, lease]) => ({ key, lease }));
    const leases = this.#choice.order(held);
    return {
      addresses: unique(leases.flatMap(({ addresses }) => addresses)),
      nameservers: unique(leases.flatMap(({ nameservers }) => nameservers)),
      timeServers: unique(leases.flatMap(({ timeServers }) => timeServers)),
    };
  }
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
