// Running tpm2-tools.
import { Lock } from "../event/event.ts";
import { ExitError, run } from "../process/process.ts";
import { toolError } from "./tpm-error.ts";

/** Longer than any TPM takes for anything we ask; making a key on a slow one takes seconds. */
const TIMEOUT_MS = 60_000;

/** Runs one tool with its arguments and standard input, and gives its standard output. */
export type Tools = (args: readonly string[], input?: Uint8Array) => Promise<Uint8Array>;

/** The tools, speaking to the TPM behind `tcti`. */
export function tools(tcti: string): Tools {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    TPM2TOOLS_TCTI: tcti,
    TSS2_LOG: "all+ERROR",
  };
  return async (args, input) => {
    try {
      const options = { env, timeoutMs: TIMEOUT_MS, ...(input && { input }) };
      return (await run(["tpm2", ...args], options)).stdout;
    } catch (error) {
      if (!(error instanceof ExitError)) throw error;
      throw toolError(args[0] ?? "", error.stderr, error);
    }
  };
}

/** The same for a TPM that has no resource manager in front: one at a time, each cleared up after. */
export function withoutManager(inner: Tools): Tools {
  const turn = new Lock();
  return (args, input) =>
    turn.hold(async () => {
      try {
        return await inner(args, input);
      } finally {
        // A TPM has room for three of each, and nobody else empties it.
        await inner(["flushcontext", "--transient-object"]);
        await inner(["flushcontext", "--loaded-session"]);
      }
    });
}
