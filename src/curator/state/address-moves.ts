// When an address last went to a node that called from it. Kept in the leader's memory only:
// it is needed for seconds.

/** So long an address stays where it went: two that both call from it must not take turns. */
const SETTLED_MS = 10_000;

/** The moves that one leadership has seen. */
export class AddressMoves {
  readonly #moves = new Map<string, { readonly address: string; readonly at: number }>();
  readonly #clock: () => number;

  /** `clock` gives milliseconds that only grow. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Notes that a node has got an address, and called from it. */
  record(id: string, address: string): void {
    this.#moves.set(id, { address, at: this.#clock() });
  }

  /** Forgets a node that is gone. */
  forget(id: string): void {
    this.#moves.delete(id);
  }

  /** Whether a node got this address so lately that it must not move again. */
  isFresh(id: string, address: string): boolean {
    const move = this.#moves.get(id);
    return move?.address === address && this.#clock() - move.at < SETTLED_MS;
  }
}
