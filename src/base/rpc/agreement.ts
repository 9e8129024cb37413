// Whom servers of a group agree upon as their leader. A certificate shows that somebody is of
// the cluster, not that he leads it: so one word, from whoever answers first, is not enough.
//
//   a majority of the known members names him ──► he leads, at once
//   all that answer in time name him ───────────► he leads, unless a majority is insisted on
//   the searcher's own member names him ────────► he leads: it reads the election itself

/** A server, and who must answer there. */
export interface Endpoint {
  /** `host:port`. */
  readonly target: string;
  /** The node's ID; empty: any member of the group, whoever that turns out to be. */
  readonly id: string;
}

/** Whom one may ask, and whose word counts. */
export interface Known {
  readonly seeds: readonly Endpoint[];
  /** IDs of the members. None: nobody is known yet, and the first word is taken. */
  readonly members: ReadonlySet<string>;
  /** The member whose word alone is enough. */
  readonly own?: string | undefined;
  /** Nobody leads without a majority of the members: for those who are about to tell secrets. */
  readonly isStrict?: boolean | undefined;
}

/** What one server said. */
export interface Vote {
  /** Who said it, as his certificate proved. */
  readonly by: string;
  readonly leader: Endpoint;
}

/** The words of one round of questions. */
export class Agreement {
  readonly #known: Known;
  /** The last word of each. */
  readonly #votes = new Map<string, Endpoint>();

  constructor(known: Known) {
    this.#known = known;
  }

  /** Hears a word; false where it does not count. */
  hear({ by, leader }: Vote): boolean {
    const { members, own } = this.#known;
    if (members.size > 0 && by !== own && !members.has(by)) return false;
    this.#votes.set(by, leader);
    return true;
  }

  /** Who leads beyond doubt. */
  settled(): Endpoint | undefined {
    const { members, own } = this.#known;
    if (own !== undefined && this.#votes.has(own)) return this.#votes.get(own);
    const endpoints = [...this.#votes.values()];
    if (members.size === 0) return endpoints[0];
    const leader = endpoints.find(({ id }) => this.#supporters(id) > members.size / 2);
    return leader === undefined ? undefined : (this.#selfNamed(leader.id) ?? leader);
  }

  /** Whether one who leads has said so himself, and with that where he is reached. */
  isOwnWord({ id }: Endpoint): boolean {
    return this.#selfNamed(id) !== undefined;
  }

  /** Who leads, as far as those can tell who had time to answer. */
  likely(): Endpoint | undefined {
    const settled = this.settled();
    if (settled !== undefined || this.#known.isStrict === true) return settled;
    const [first, ...others] = this.#votes.values();
    if (first === undefined || !others.every(({ id }) => id === first.id)) return undefined;
    return this.#selfNamed(first.id) ?? first;
  }

  /** What was said, for people. */
  describe(): string {
    if (this.#votes.size === 0) return "nobody answers";
    const said = [...this.#votes].map(([by, { id }]) => `${by} says ${id}`).join(", ");
    return `the ${this.#known.members.size} known members do not agree: ${said}`;
  }

  /**
   * Where one who leads has said so himself. He has answered there, while the address that others
   * give may be one of his that leads nowhere from here.
   */
  #selfNamed(id: string): Endpoint | undefined {
    const own = this.#votes.get(id);
    return own !== undefined && own.id === id ? own : undefined;
  }

  /** He who leads says so by serving: only who is the leader answers calls that are for it. */
  #supporters(id: string): number {
    const own = this.#known.members.has(id) && !this.#votes.has(id) ? 1 : 0;
    return own + [...this.#votes.values()].filter((endpoint) => endpoint.id === id).length;
  }
}
