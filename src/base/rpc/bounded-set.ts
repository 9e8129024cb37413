// Things of which there are only so many, and only so many of one origin. Where there
// is no room the oldest gives way, first of the same origin: so nobody can keep others
// out by being early, and a single origin pushes out nobody but itself.

/** How many there may be. */
export interface BoundedSetOptions<T> {
  readonly most: number;
  readonly mostOfOne: number;
  /** Puts one out; it is not in the set any more. */
  readonly evict: (item: T) => void;
}

/** A bounded set; oldest first. */
export class BoundedSet<T> {
  readonly #options: BoundedSetOptions<T>;
  readonly #all = new Map<T, string>();
  readonly #byOrigin = new Map<string, Set<T>>();

  constructor(options: BoundedSetOptions<T>) {
    this.#options = options;
  }

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** Takes one in. */
  add(item: T, origin: string): void {
    const group = this.#byOrigin.get(origin) ?? new Set<T>();
    this.#byOrigin.set(origin, group);
    group.add(item);
    this.#all.set(item, origin);
    if (group.size > this.#options.mostOfOne) this.#evict(group);
    if (this.#all.size > this.#options.most) this.#evict(this.#all.keys());
  }

  #evict(items: Iterable<T>): void {
    for (const oldest of items) {
      this.delete(oldest);
      this.#options.evict(oldest);
      return;
    }
  }

  /** Forgets one; it may be unknown. */
  delete(item: T): void {
    const origin = this.#all.get(item);
    if (origin === undefined) return;
    this.#all.delete(item);
    const group = this.#byOrigin.get(origin);
    group?.delete(item);
    if (group?.size === 0) this.#byOrigin.delete(origin);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#all.keys();
  }
}
