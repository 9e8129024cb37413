// Errors as text for people: one line, the causes behind it included.

/** Causes can form a circle; nobody reads this many anyway. */
const MOST_CAUSES = 16;

/** The message of an error and of the causes behind it, joined by `: `. */
export function errorText(error: unknown): string {
  return causes(error).map(messageOf).join(": ");
}

/** An error and the causes behind it, outermost first. */
export function causes(error: unknown): readonly unknown[] {
  const chain = [error];
  for (let last = error; last instanceof Error && last.cause !== undefined; ) {
    last = last.cause;
    if (chain.length >= MOST_CAUSES) break;
    chain.push(last);
  }
  return chain;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError) {
    const parts = error.errors.map(errorText).join("; ");
    return error.message === "" ? parts : `${error.message} (${parts})`;
  }
  return error.message === "" ? error.name : error.message;
}
