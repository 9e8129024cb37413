// Where the nodes of the cluster are now. What was written down of that may be out of date:
// networks give machines other addresses, all of them at once after a full stop, and then
// there is no cluster that could tell.
//
//   directory on the ESP, the leader ── tell ──►┐
//   a link's neighbours, met members ── hint ──►├─► candidates ──► dialled, each with a proof
//   one that has proved himself there ─ prove ─►┘        places ──► names, directory, etcd
//
// A hint decides nothing but whom one tries to reach. An address is believed once the node has
// proved its key on a connection to it, and said there that this is its own: so nobody takes
// another's, not even by passing on what is said to that one.
import { Value } from "../../base/event/event.ts";
import { hostAddressFault } from "../../base/format/host-address.ts";
import type { Names } from "../network/hosts.ts";

/** Hints that are kept of one node, the newest first. */
const MOST_HINTS = 16;
/** Of these what one other says, so that he does not push out what the rest say. */
export const MOST_OF_ONE = 4;
/** Strangers that are kept. */
const MOST_STRANGERS = 4;

/** Where a node was met, for as long as the cluster's word of it is the one of before. */
interface Meeting {
  readonly hosts: readonly string[];
  readonly insteadOf: string;
}

/** Where a node is said to be. */
export interface Sighting {
  readonly nodeId: string;
  readonly address: string;
}

/** Where a node is said to be, and by whom; absent: by itself, or the operator. */
interface Hint {
  readonly address: string;
  readonly from: string | undefined;
}

/** What this node knows of where others are. */
export class Whereabouts {
  /** Where each node is, as far as that can be believed, best first; none where nobody knows. */
  readonly places = new Value<Names>(new Map());
  /** Who calls himself a node of this cluster, and is none that was told of; the newest first. */
  readonly strangers = new Value<readonly Sighting[]>([]);
  #told: Names;
  /** Nodes of which hints are wanted, beside those that were told of. */
  #expected: ReadonlySet<string> = new Set();
  readonly #met = new Map<string, Meeting>();
  readonly #hints = new Map<string, readonly Hint[]>();

  /** `told` is what was written down last. */
  constructor(told: Names = new Map()) {
    this.#told = told;
    this.#publish();
  }

  /** Takes in what the cluster says. Where that is news, it counts more than who was met. */
  tell(told: Names): void {
    this.#told = told;
    for (const [id, { insteadOf }] of this.#met) {
      if (this.#word(id) !== insteadOf) this.#met.delete(id);
    }
    for (const id of this.#hints.keys()) if (!this.#isWanted(id)) this.#hints.delete(id);
    this.#publish();
  }

  /** Wants hints of these nodes, too. */
  expect(ids: Iterable<string>): void {
    this.#expected = new Set(ids);
  }

  /**
   * Takes in where somebody says that a node is; forgets it where that node is a stranger. `from`
   * tells who says it of somebody else: an address on the link, or a member.
   */
  hint({ nodeId, address }: Sighting, from?: string): void {
    if (hostAddressFault(address) !== undefined) return;
    if (!this.#isWanted(nodeId)) this.#noteStranger({ nodeId, address });
    else this.#noteHint(nodeId, { address, from });
  }

  /**
   * Notes where a node has proved to be; true where that is news. Not all of its addresses need
   * be among them: one that is known is enough to leave all as it is.
   */
  prove(nodeId: string, hosts: readonly string[]): boolean {
    const known = this.places.current?.get(nodeId) ?? [];
    if (hosts.some((host) => known.includes(host))) return false;
    this.#met.set(nodeId, { hosts, insteadOf: this.#word(nodeId) });
    this.#publish();
    return true;
  }

  /** Where a node may be, the likeliest first. */
  candidates(id: string): readonly string[] {
    const known = [...(this.places.current?.get(id) ?? []), ...(this.#told.get(id) ?? [])];
    return [...new Set([...known, ...this.#hinted(id)])];
  }

  /** Those who were met elsewhere than they were said to be, for others who look for them. */
  met(): readonly Sighting[] {
    return [...this.#met].flatMap(([nodeId, { hosts }]) =>
      hosts.slice(0, 1).map((address) => ({ nodeId, address })),
    );
  }

  #hinted(id: string): readonly string[] {
    return (this.#hints.get(id) ?? []).map(({ address }) => address);
  }

  #noteHint(nodeId: string, hint: Hint): void {
    const { address, from } = hint;
    const isSame = (each: Hint) => each.from === from && each.address === address;
    const others = (this.#hints.get(nodeId) ?? []).filter((each) => !isSame(each));
    const own = from === undefined ? [] : others.filter((each) => each.from === from);
    const tooMany = new Set(own.slice(MOST_OF_ONE - 1));
    const kept = others.filter((each) => !tooMany.has(each));
    this.#hints.set(nodeId, [hint, ...kept].slice(0, MOST_HINTS));
  }

  #noteStranger(stranger: Sighting): void {
    const before = this.strangers.current ?? [];
    const others = before.filter(({ nodeId }) => nodeId !== stranger.nodeId);
    this.strangers.set([stranger, ...others].slice(0, MOST_STRANGERS));
  }

  #isWanted(id: string): boolean {
    return this.#told.has(id) || this.#expected.has(id);
  }

  #word(id: string): string {
    return (this.#told.get(id) ?? []).join();
  }

  #publish(): void {
    const met = [...this.#met].map(([id, { hosts }]) => [id, hosts] as const);
    this.places.set(new Map([...this.#told, ...met]));
  }
}
