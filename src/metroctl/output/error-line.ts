// How a failure is told: one line, the chain of causes joined, the next step
// where we know one.
import { Code, codeName, NoConnectionError, RpcError } from "../../base/rpc/rpc.ts";

/** Where nobody was reached; a server that answers is up, and at that address. */
const NOBODY = "is the node up, and the address right?";

const hints: Readonly<Partial<Record<Code, string>>> = {
  [Code.unavailable]: "try again in a moment",
  [Code.deadlineExceeded]: "try again in a moment",
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
  const hint = error instanceof NoConnectionError ? NOBODY : hints[error.code];
  const told = `${error.message} (${codeName(error.code)})`;
  return hint === undefined ? told : `${told}: ${hint}`;
}
