// How a failure is told: one line, the chain of causes joined, the next step
// where we know one.
import { Code, codeName, RpcError } from "../../base/rpc/rpc.ts";

const hints: Readonly<Partial<Record<Code, string>>> = {
  [Code.unavailable]: "is the node up, and the address right?",
  [Code.deadlineExceeded]: "the node did not answer in time; try again",
  [Code.unauthenticated]: "this context's credentials are not of that cluster",
};

/** One line for an error and what caused it. */
export function errorLine(error: unknown): string {
  const parts = [...causes(error)].map(describe);
  // A cause is often quoted by the error above it already.
  const told = parts.filter(
    (part, at) => !parts.slice(0, at).some((above) => above.includes(part)),
  );
  return told.join(": ");
}

function* causes(error: unknown): Iterable<unknown> {
  for (let at = error; at !== undefined && at !== null; ) {
    yield at;
    at = at instanceof Error ? at.cause : undefined;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof RpcError)) return Bun.stripANSI(error.message);
  const hint = hints[error.code];
  const told = `${error.message} (${codeName(error.code)})`;
  return hint === undefined ? told : `${told}: ${hint}`;
}
