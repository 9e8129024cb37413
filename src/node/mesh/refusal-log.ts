// Says of each peer that is left out why, but not more than once a minute: a peer may change
// what is wrong with it as often as it likes.
const PAUSE_MS = 60_000;

/** The reasons that were said. */
export class RefusalLog {
  readonly #said = new Map<string, { readonly reason: string; readonly at: number }>();
  readonly #clock: () => number;

  /** `clock` gives milliseconds that only grow. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The lines to log, of reasons by node ID. */
  lines(refused: ReadonlyMap<string, string>): readonly string[] {
    const now = this.#clock();
    // Forgotten only when it may be said again: whoever is well for a moment has not paid.
    for (const [id, { at }] of this.#said) {
      if (!refused.has(id) && now - at >= PAUSE_MS) this.#said.delete(id);
    }
    return [...refused].flatMap(([id, reason]) => {
      const last = this.#said.get(id);
      if (last !== undefined && (last.reason === reason || now - last.at < PAUSE_MS)) return [];
      this.#said.set(id, { reason, at: now });
      return [`${id} is no peer: ${reason}`];
    });
  }
}
