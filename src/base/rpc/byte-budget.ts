// How many bytes are read of somebody: so many at once, and then so many each second. What was
// read beyond that is owed, and made good before more is read.
import type { Rate } from "./limits.ts";

/** What somebody may still have read; shared by all of his connections, or one's own. */
export class ByteBudget {
  readonly #rate: Rate;
  readonly #clock: () => number;
  readonly #mostDebt: number;
  #credit: number;
  #at: number;

  /**
   * What is owed beyond `mostDebtMs` is forgiven, so that who shares a budget with somebody loud is
   * not silenced for longer.
   */
  constructor(
    rate: Rate,
    mostDebtMs = Number.POSITIVE_INFINITY,
    clock: () => number = () => performance.now(),
  ) {
    this.#rate = rate;
    this.#clock = clock;
    this.#mostDebt = (mostDebtMs / 1_000) * rate.perSecond;
    this.#credit = rate.burst;
    this.#at = clock();
  }

  /** Counts bytes that were read. */
  spend(bytes: number): void {
    this.#credit = Math.max(this.#present() - bytes, -this.#mostDebt);
    this.#at = this.#clock();
  }

  /** Milliseconds until more may be read. */
  get restMs(): number {
    return Math.max(0, (-this.#present() / this.#rate.perSecond) * 1_000);
  }

  #present(): number {
    const { burst, perSecond } = this.#rate;
    return Math.min(burst, this.#credit + ((this.#clock() - this.#at) / 1_000) * perSecond);
  }
}
