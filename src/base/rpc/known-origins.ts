// Addresses from which members have proved themselves lately. What arrives from there
// has a place of its own, so that strangers from everywhere else cannot take it.
import { BoundedMap } from "./bounded-map.ts";

const MOST = 20_000;
const KEPT_MS = 24 * 3_600_000;

/** A bounded memory of origins; those seen longest ago are forgotten first. */
export class KnownOrigins {
  /** When each was seen. */
  readonly #seen = new BoundedMap<number>(MOST);
  readonly #clock: () => number;

  /** `clock` gives milliseconds that only grow. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** A member has proved itself from there. */
  note(origin: string): void {
    this.#seen.set(origin, this.#clock());
  }

  /** Whether one has. */
  has(origin: string): boolean {
    const at = this.#seen.get(origin);
    return at !== undefined && this.#clock() - at <= KEPT_MS;
  }
}
