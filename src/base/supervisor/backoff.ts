// How long to wait before a failed runnable is started again.

/** Settings of the pause; all times in milliseconds. */
export interface BackoffOptions {
  readonly initialMs: number;
  /** Each pause in a row is this much longer than the last. */
  readonly factor: number;
  /** The part of the pause that chance adds or takes, so that failures spread. */
  readonly jitter: number;
  readonly longestMs: number;
}

/** What holds unless a supervisor is told otherwise. */
export const defaultBackoff: BackoffOptions = {
  initialMs: 500,
  factor: 1.5,
  jitter: 0.5,
  longestMs: 60_000,
};

/** The growing pause of one runnable; never gives up. */
export class Backoff {
  readonly #options: BackoffOptions;
  #intervalMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#intervalMs = options.initialMs;
  }

  /** The next pause in milliseconds; `chance` lies in [0, 1). */
  next(chance: number): number {
    const { factor, jitter, longestMs } = this.#options;
    const pause = this.#intervalMs * (1 + jitter * (2 * chance - 1));
    this.#intervalMs = Math.min(this.#intervalMs * factor, longestMs);
    return Math.min(pause, longestMs);
  }

  /** Starts over with the initial pause. */
  reset(): void {
    this.#intervalMs = this.#options.initialMs;
  }
}
