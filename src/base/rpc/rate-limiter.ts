// How often each of many origins may do something: so often at once, and again as time
// goes by. Origins that have been quiet cost nothing.
import type { Rate } from "./limits.ts";

/** No more origins are kept; who is forgotten has his whole burst again. */
const MOST_ORIGINS = 16_384;

interface Account {
  left: number;
  at: number;
}

/** The accounts of all origins. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #clock: () => number;
  /** Least recently used first. */
  readonly #accounts = new Map<string, Account>();

  /** `clock` gives milliseconds that only grow. */
  constructor(rate: Rate, clock: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Whether an origin may do it now, which counts as done. */
  take(origin: string, amount = 1): boolean {
    const account = this.#account(origin);
    if (account.left < amount) return false;
    account.left -= amount;
    return true;
  }

  #account(origin: string): Account {
    const now = this.#clock();
    const { burst, perSecond } = this.#rate;
    const before = this.#accounts.get(origin);
    const account = before ?? { left: burst, at: now };
    account.left = Math.min(burst, account.left + ((now - account.at) / 1_000) * perSecond);
    account.at = now;
    this.#accounts.delete(origin);
    this.#accounts.set(origin, account);
    if (this.#accounts.size > MOST_ORIGINS) this.#forgetOldest();
    return account;
  }

  #forgetOldest(): void {
    for (const oldest of this.#accounts.keys()) {
      this.#accounts.delete(oldest);
      return;
    }
  }
}
