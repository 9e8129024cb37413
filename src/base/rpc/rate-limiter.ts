// How often each of many origins may do something: a token bucket for each of them, so often at
// once, and again as time goes by. Origins that have been quiet cost nothing.

import { BoundedMap } from "./bounded-map.ts";
import type { Rate } from "./limits.ts";

/** No more origins are kept; who is forgotten has his whole burst again. */
const MOST_ORIGINS = 16_384;

/** What an origin could still do at a time. */
interface Account {
  readonly left: number;
  readonly at: number;
}

/** Limits the rate of each origin. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #clock: () => number;
  readonly #accounts = new BoundedMap<Account>(MOST_ORIGINS);

  /** `clock` gives milliseconds that only grow. */
  constructor(rate: Rate, clock: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Whether an origin may do it now, which counts as done. */
  take(origin: string, amount = 1): boolean {
    const left = this.#left(origin);
    const isAllowed = left >= amount;
    this.#accounts.set(origin, { left: isAllowed ? left - amount : left, at: this.#clock() });
    return isAllowed;
  }

  #left(origin: string): number {
    const { burst, perSecond } = this.#rate;
    const account = this.#accounts.get(origin);
    if (account === undefined) return burst;
    return Math.min(burst, account.left + ((this.#clock() - account.at) / 1_000) * perSecond);
  }
}
