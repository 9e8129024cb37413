// Where each peer is dialled. It publishes several addresses, and the one that is best for most
// may lead nowhere from here. WireGuard knows one at a time, and never tries another by itself:
// it only follows a peer that calls from elsewhere. Decisions only.
import { reachable } from "../../base/format/reached.ts";
import type { MeshPeer } from "./peers.ts";

/** As long as one address has for an answer: WireGuard asks every five seconds. */
const TRY_MS = 15_000;
/** Who answers nowhere is off, as a rule: after each round all have twice the time, up to this. */
const LONGEST_TRY_MS = 120_000;

/** Where a peer was dialled last. */
interface Attempt {
  readonly address: string;
  readonly since: number;
  /** How many addresses were tried in vain before. */
  readonly failures: number;
}

/** A peer that is dialled at another of its addresses from now on. */
export interface Redial {
  readonly peer: MeshPeer;
  readonly from: string;
  readonly to: string;
  /** Whether the address was not tried before. */
  readonly isNew: boolean;
}

/** The addresses at which the peers of a device are dialled. */
export class Endpoints {
  readonly #clock: () => number;
  readonly #own: () => readonly string[];
  /** By public key: with another one it is another peer. */
  readonly #attempts = new Map<string, Attempt>();
  #answering: ReadonlySet<string> = new Set();

  /** `own` are the addresses of this node, `clock` gives milliseconds that only grow. */
  constructor(own: () => readonly string[], clock: () => number) {
    this.#own = own;
    this.#clock = clock;
  }

  /**
   * What the device is to be told: where to dial a peer, or nothing where it answers. Then the
   * device knows where it is, and that may be an address that it called from.
   */
  of(peer: MeshPeer): string | undefined {
    const known = this.#attempt(peer);
    if (known !== undefined && this.#answering.has(peer.publicKey)) return undefined;
    if (known !== undefined) return known.address;
    const [address] = reachable(peer.addresses, this.#own());
    if (address === undefined) return undefined;
    this.#attempts.set(peer.publicKey, { address, since: this.#clock(), failures: 0 });
    return address;
  }

  /** Forgets all but these, which the device has: what comes back to it has to be dialled anew. */
  retain(peers: readonly MeshPeer[]): void {
    const keys = new Set(peers.map(({ publicKey }) => publicKey));
    for (const key of this.#attempts.keys()) if (!keys.has(key)) this.#attempts.delete(key);
  }

  /** Takes in whose keys have answered lately, and gives those that are to be dialled elsewhere. */
  look(peers: readonly MeshPeer[], answering: ReadonlySet<string>): readonly Redial[] {
    this.#answering = answering;
    return peers.flatMap((peer) => {
      const attempt = this.#attempt(peer);
      if (attempt === undefined) return [];
      if (!answering.has(peer.publicKey)) return this.#next(peer, attempt);
      this.#attempts.set(peer.publicKey, { ...attempt, since: this.#clock(), failures: 0 });
      return [];
    });
  }

  /** The last attempt, unless the peer is not to be found there any more. */
  #attempt({ publicKey, addresses }: MeshPeer): Attempt | undefined {
    const attempt = this.#attempts.get(publicKey);
    return attempt !== undefined && addresses.includes(attempt.address) ? attempt : undefined;
  }

  #next(peer: MeshPeer, { address: from, since, failures }: Attempt): readonly Redial[] {
    const all = reachable(peer.addresses, this.#own());
    const rounds = Math.floor(failures / Math.max(1, all.length));
    const patience = Math.min(TRY_MS * 2 ** rounds, LONGEST_TRY_MS);
    const to = all[(all.indexOf(from) + 1) % all.length];
    if (to === undefined || to === from || this.#clock() - since < patience) return [];
    const next = { address: to, since: this.#clock(), failures: failures + 1 };
    this.#attempts.set(peer.publicKey, next);
    return [{ peer, from, to, isNew: next.failures < all.length }];
  }
}
