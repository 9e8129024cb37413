// Which of several leases counts first: for the address that the node is known by, and for
// whom it asks for names and time. In this order:
//
//   1. one whose network has a router, as others are elsewhere
//   2. the one that came first until now, once it has for a while: others know the node by it
//   3. IPv4 before IPv6, as more clients speak it
//   4. interfaces by their names
import type { Lease } from "./lease.ts";

/**
 * At a start protocols answer one after the other. Until then a better one may replace what
 * came first; from then on only what has stopped working is replaced.
 */
const SETTLED_MS = 30_000;

/** A lease, with what tells it from the others. */
export interface KeyedLease {
  /** Interface and protocol. */
  readonly key: string;
  readonly lease: Lease;
}

/** Puts leases into order, and remembers which came first. */
export class Choice {
  #first: { readonly key: string; readonly since: number } | undefined;
  readonly #clock: () => number;

  /** `clock` gives milliseconds that only grow. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** All leases, the best one first. */
  order(leases: readonly KeyedLease[]): readonly Lease[] {
    const routed = new Set(leases.filter(({ lease }) => lease.hasRouter).map(networkOf));
    const kept = this.#kept();
    const ranks = leases.map((each) => {
      const penalties = [!routed.has(networkOf(each)), each.key !== kept, isSix(each)];
      return { ...each, rank: `${penalties.map(Number).join("")} ${each.key}` };
    });
    const ordered = ranks.toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
    this.#note(ordered.find(({ lease }) => lease.addresses.length > 0)?.key);
    return ordered.map(({ lease }) => lease);
  }

  #kept(): string | undefined {
    const first = this.#first;
    if (first === undefined || this.#clock() - first.since < SETTLED_MS) return undefined;
    return first.key;
  }

  #note(key: string | undefined): void {
    if (key === this.#first?.key) return;
    this.#first = key === undefined ? undefined : { key, since: this.#clock() };
  }
}

/** What shares routers: all of a family on one interface. */
function networkOf({ lease }: KeyedLease): string {
  return `${lease.interface} ${lease.family}`;
}

function isSix({ lease }: KeyedLease): boolean {
  return lease.family === "ipv6";
}
