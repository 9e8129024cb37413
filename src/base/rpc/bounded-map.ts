// A map with a bound: what was written longest ago is forgotten first.

/** Keys with values, at most so many. */
export class BoundedMap<V> {
  readonly #most: number;
  /** A Map keeps the order of insertion: the oldest is first. */
  readonly #entries = new Map<string, V>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Does not count as use: only `set` does. */
  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  /** Writes an entry, which is the newest then. */
  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#most) return;
    const [oldest = key] = this.#entries.keys();
    this.#entries.delete(oldest);
  }
}
