// What is read of strangers: of each connection, of each address, of all of them.

import { BoundedMap } from "./bounded-map.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { ServeLimits } from "./limits.ts";

/** No more addresses are kept; who is forgotten has his whole burst again. */
const MOST_ORIGINS = 4_096;
/** Who shares an address, or the line, with somebody loud waits for no longer than this. */
const MOST_DEBT_MS = 4_000;

/** The budgets of one server. */
export class StrangerBudgets {
  readonly #limits: ServeLimits;
  readonly #all: ByteBudget;
  readonly #byOrigin = new BoundedMap<ByteBudget>(MOST_ORIGINS);

  constructor(limits: ServeLimits) {
    this.#limits = limits;
    this.#all = new ByteBudget(limits.allStrangerBytes, MOST_DEBT_MS);
  }

  /** Those of a new connection. */
  of(origin: string): readonly ByteBudget[] {
    const { strangerBytes, strangerBytesPerAddress } = this.#limits;
    const shared =
      this.#byOrigin.get(origin) ?? new ByteBudget(strangerBytesPerAddress, MOST_DEBT_MS);
    this.#byOrigin.set(origin, shared);
    return [new ByteBudget(strangerBytes), shared, this.#all];
  }
}
