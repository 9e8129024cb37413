// What a filter may cost. CEL has no loops without end, but a few nested ones,
// or texts and lists that double themselves, are enough to hold up the leader.
// So every function that an expression can call is charged for, in units of
// very roughly a microsecond, and so is every turn of a loop.
import { type CelFunc, CelScalar, celFunc, celList, isCelList, isCelMap } from "@bufbuild/cel";

/** For one node. */
const NODE_BUDGET = 50_000;
/** For all nodes of a request together. */
const REQUEST_BUDGET = 10_000_000;
/** Longest text that an expression may make. */
const LONGEST_TEXT = 16_384;
/** Longest regular expression, and the most that its repetitions may multiply it by. */
const LONGEST_PATTERN = 200;
const MOST_REPETITIONS = 100;
/** Largest list or map that an expression may make, counting what is inside. */
const LARGEST_VALUE = 10_000;

/** A filter costs more than it may. */
export class CostError extends Error {
  override readonly name = "CostError";
}

/** The purse of one request. */
export class Meter {
  #node = NODE_BUDGET;
  #request = REQUEST_BUDGET;
  readonly #sizes = new WeakMap<object, number>();

  /** Begins with the next node. */
  next(): void {
    this.#node = NODE_BUDGET;
  }

  /** Pays, or throws a {@link CostError}. */
  charge(units: number): void {
    this.#node -= units;
    this.#request -= units;
    if (this.#node < 0 || this.#request < 0) throw new CostError("filter is too expensive");
  }

  /**
   * How much a value is to look at. Remembered, because a list that holds
   * another one twice, many times over, is small in memory and endless to walk.
   */
  size(value: unknown): number {
    if (typeof value === "string" || value instanceof Uint8Array) return 1 + value.length / 32;
    if (typeof value !== "object" || value === null) return 1;
    const known = this.#sizes.get(value);
    if (known !== undefined) return known;
    const size = this.#sum(value);
    if (size > LARGEST_VALUE) throw new CostError("filter makes too large a value");
    this.#sizes.set(value, size);
    return size;
  }

  #sum(value: object): number {
    let sum = 1;
    if (isCelList(value)) for (const each of value) sum += this.size(each);
    else if (isCelMap(value)) for (const [, each] of value) sum += 1 + this.size(each);
    else sum = 8; // a message: a node, or a part of one
    return sum;
  }
}

/** `@turn(value, units)`: gives the value, for a price. Put into every loop. */
export const TURN = "@turn";
/** `@made(value)`: gives the value, unless it is too large. Put around every literal. */
export const MADE = "@made";

/** Functions for an expression's own use, which cost as much as they do. */
export function meteredFunctions(standard: Iterable<CelFunc>, meter: Meter): CelFunc[] {
  const { DYN, INT } = CelScalar;
  const all = [
    ...standard,
    celFunc(TURN, [DYN, INT], DYN, (value) => value),
    celFunc(MADE, [DYN], DYN, (value) => value),
  ];
  return all.map((func) => metered(func, meter));
}

function metered(func: CelFunc, meter: Meter): CelFunc {
  const call: CelFunc["call"] = (id, target, args) => {
    meter.charge(price(func, target === undefined ? args : [target, ...args], meter));
    const result = func.call(id, target, args);
    if (typeof result === "string" && result.length > LONGEST_TEXT) {
      throw new CostError("filter makes too long a text");
    }
    if (!isCelList(result)) return result;
    // Joined lists stay joined lists, each layer of which costs on every walk.
    const flat = func.name === "_+_" ? celList([...result]) : result;
    meter.charge(meter.size(flat));
    return flat;
  };
  // The original keeps its name, types and private parts; only `call` changes.
  return Object.create(func, { call: { value: call } });
}

function price({ name }: CelFunc, values: readonly unknown[], meter: Meter): number {
  if (name === TURN) return Number(values[1]);
  let units = 1;
  for (const value of values) units += meter.size(value);
  if (name === "matches") units += matchPrice(values);
  // With a time zone, the time methods make a formatter.
  if (name.startsWith("get") && values.length > 1) units += 1_000;
  return units;
}

/** A pattern is compiled at each call; each character of the text then visits its states. */
function matchPrice([text, pattern]: readonly unknown[]): number {
  if (typeof text !== "string" || typeof pattern !== "string") return 0;
  if (pattern.length > LONGEST_PATTERN) throw new CostError("regular expression is too long");
  const repetitions = [...pattern.matchAll(/\{(\d*),?(\d*)\}/g)]
    .map(([, from, to]) => Math.max(1, Number(from), Number(to)))
    .reduce((product, each) => product * each, 1);
  if (repetitions > MOST_REPETITIONS) throw new CostError("regular expression repeats too much");
  const states = pattern.length * repetitions;
  // Classes by name, and letters of either case, stand for hundreds of ranges.
  const width = /\\[pP]|\(\?[a-z]*i/.test(pattern) ? 30 : 2;
  return states * width + (states * text.length) / 32;
}
