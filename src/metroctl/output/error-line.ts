// How a failure is told: one line, the chain of causes joined, the next step
// where we know one.
import { Code, codeName, NoConnectionError, RpcError } from "../../base/rpc/rpc.ts";
import { printable, printableLines } from "./printable.ts";
import { UserError } from "./user-error.ts";

/** Where nobody was reached; a server that answers is up, and at that address. */
const NOBODY = "is the node up, and the address right?";

const hints: Readonly<Partial<Record<Code, string>>> = {
  [Code.unavailable]: "try again in a moment",
  [Code.deadlineExceeded]: "try again in a moment",
  // What a member answers that leads no more, and nobody else does either.
  [Code.unimplemented]: "are most members of the control plane up?",
  [Code.unauthenticated]: "this context's credentials are not of that cluster",
};

/** What to do about errors of the operating system, by their code. */
const systemHints: Readonly<Record<string, string>> = {
  ENOSPC: "make room there, or name another place",
  EDQUOT: "make room there, or name another place",
};

/** One line for an error and what caused it. */
export function errorLine(error: unknown): string {
  const all = [...causes(error)];
  const parts = all.map(describe);
  // A cause is often quoted by the error above it already, without its code.
  const isQuoted = (cause: unknown, at: number) =>
    parts.slice(0, at).some((above) => above.includes(bare(cause)));
  const line = parts.filter((_, at) => !isQuoted(all[at], at)).join(": ");
  const hint = clockHint(line);
  return hint === undefined ? line : `${line}: ${hint}`;
}

function* causes(error: unknown): Iterable<unknown> {
  for (let at = error; at !== undefined && at !== null; ) {
    yield at;
    at = at instanceof Error ? at.cause : undefined;
  }
}

function bare(error: unknown): string {
  return error instanceof RpcError ? printable(error.message) : describe(error);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof UserError) return printableLines(error.message);
  if (!(error instanceof RpcError)) return printable(foreignLine(error));
  const usual = error instanceof NoConnectionError ? NOBODY : hints[error.code];
  const hint = clockHint(error.message) === undefined ? usual : undefined;
  // It may be the word of whoever answered.
  const told = `${printable(error.message)} (${codeName(error.code)})`;
  return hint === undefined ? told : `${told}: ${hint}`;
}

/** What to do where a certificate is out of its time; whether by a wrong clock nobody can tell. */
function clockHint(message: string): string | undefined {
  if (message.includes("and the clock here says")) return "is the clock of this computer right?";
  if (!message.includes("and the clock of the node that was asked says")) return undefined;
  return "if that clock is right, metroctl takeownership <address> gives another certificate";
}

/** An error of the system, or of a library, which may take several lines for it. */
function foreignLine(error: Error): string {
  const text = Bun.stripANSI(error.message)
    .replace(/\s*\n\s*/g, " ")
    .trim();
  const hint = "code" in error ? systemHints[String(error.code)] : undefined;
  return hint === undefined ? text : `${text}: ${hint}`;
}
