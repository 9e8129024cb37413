// Addresses from which members have proved themselves lately. What arrives from there
// has a place of its own, so that strangers from everywhere else cannot take it.

const MOST = 20_000;
const KEPT_MS = 24 * 3_600_000;

/** A bounded memory of origins; least recently seen first. */
export class KnownOrigins {
  readonly #seen = new Map<string, number>();
  readonly #clock: () => number;

  /** `clock` gives milliseconds that only grow. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** A member has proved itself from there. */
  note(origin: string): void {
    this.#seen.delete(origin);
    this.#seen.set(origin, this.#clock());
    if (this.#seen.size <= MOST) return;
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest);
      return;
    }
  }

  /** Whether one has. */
  has(origin: string): boolean {
    const at = this.#seen.get(origin);
    return at !== undefined && this.#clock() - at <= KEPT_MS;
  }
}
