// Calls that are made again and again until a deadline. The last attempt is cut short by it, and
// knows nothing but that; what was said before is the reason that people want.
import { Code, RpcError } from "./rpc-error.ts";

/** Nobody was found to be called before the caller's deadline. */
export class TooLateError extends RpcError {}

/** Silence that is no longer than this says nothing. */
const SILENCE_MS = 1_000;

/** How attempts at one thing failed, beginning now. */
export class Attempts {
  /** The last reason that somebody gave. */
  #reason: unknown;
  #last: unknown;
  /** When the reason was given. */
  #at = performance.now();

  /** Takes one more in. */
  failed(error: unknown): void {
    this.#last = error;
    if (isCutShort(error)) return;
    this.#reason = error;
    this.#at = performance.now();
  }

  /** What to tell of them: the last reason, and that only silence came after it. */
  get failure(): unknown {
    const [reason, last] = [this.#reason, this.#last];
    if (last === reason || !(reason instanceof Error) || !(last instanceof RpcError)) return last;
    if (performance.now() - this.#at < SILENCE_MS) return reason;
    return new RpcError(last.code, `${reason.message}; then ${last.message}`, { cause: reason });
  }
}

function isCutShort(error: unknown): boolean {
  if (error instanceof TooLateError) return true;
  return error instanceof RpcError && error.code === Code.deadlineExceeded;
}
