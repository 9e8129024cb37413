// How a run ended: the rules by which a return or a throw becomes a state.
import { causes } from "../logtree/logtree.ts";
import type { NodeState } from "./context.ts";

/** What a runnable did in the end. */
export type Ending =
  | { readonly kind: "returned" }
  | { readonly kind: "threw"; readonly error: unknown };

/** What that means. */
export interface Outcome {
  readonly state: Extract<NodeState, "DEAD" | "DONE" | "CANCELED">;
  /** Why it is dead; absent otherwise. */
  readonly error?: unknown;
}

/** A runnable returned without having said that it is done. */
export class ReturnedError extends Error {
  override readonly name = "ReturnedError";
  constructor() {
    super("returned without being done");
  }
}

/**
 * What the end of a run means. In this order: done and returned is DONE; aborted
 * and obeyed is CANCELED; all else is DEAD.
 *
 * To obey is to throw the signal's reason, also as a cause, or an AbortError as
 * the platform's own functions do, or to return: `while (!signal.aborted)` is a
 * natural loop here, and nobody can say whether its last call was cut short.
 */
export function outcomeOf(run: { isDone: boolean; signal: AbortSignal }, ending: Ending): Outcome {
  if (ending.kind === "returned") {
    if (run.isDone) return { state: "DONE" };
    if (run.signal.aborted) return { state: "CANCELED" };
    return { state: "DEAD", error: new ReturnedError() };
  }
  const { error } = ending;
  if (run.signal.aborted && causes(error).some((each) => isAbort(each, run.signal))) {
    return { state: "CANCELED" };
  }
  return { state: "DEAD", error };
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}
