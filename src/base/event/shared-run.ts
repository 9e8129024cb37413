// Work that many ask for at once, done once for all who wait for it.

/**
 * Runs of one piece of work, one at a time. Whoever asks gets the outcome of a run that began after
 * he asked: those who ask while one is under way share the next.
 */
export class SharedRun<T> {
  readonly #work: () => Promise<T>;
  #current: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  /** Whether nothing runs. */
  get isIdle(): boolean {
    return this.#current === undefined;
  }

  /** The outcome of a run that begins now or later; rejects as the work does. */
  run(): Promise<T> {
    if (this.#current === undefined) return this.#begin();
    const begin = () => this.#begin();
    this.#next ??= this.#current.then(begin, begin);
    return this.#next;
  }

  #begin(): Promise<T> {
    const run = this.#work();
    this.#current = run;
    this.#next = undefined;
    const end = () => {
      // Another that waited has begun meanwhile.
      if (this.#current === run && this.#next === undefined) this.#current = undefined;
    };
    run.then(end, end);
    return run;
  }
}
