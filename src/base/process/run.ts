// Programs that do one thing and end: mkfs, cryptsetup, ip.
import type { ReadableStreamDefaultReader } from "node:stream/web";
import { ExitError } from "./exit-error.ts";
import { type Group, type StartOptions, startGroup } from "./group.ts";
import { waitAtMost } from "./wait-at-most.ts";

/** How long a program may take to end when asked to. */
const GRACE_MS = 2_000;

/** How long output may come after the end, from processes the program left behind. */
const LINGER_MS = 500;

/** Longest output taken, in bytes. */
const LONGEST_OUTPUT = 64 * 1_024 * 1_024;

/** What to give a program that runs to its end. */
export interface RunOptions extends Omit<StartOptions, "argv" | "stdin"> {
  /** What it reads on stdin: the way for secrets. */
  readonly input?: Uint8Array | string;
  /** Ends the program; `run` throws the reason. */
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** What a program had to say. */
export interface Output {
  readonly stdout: Uint8Array;
  /** The same as text. */
  readonly text: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end. Throws {@link ExitError} if it cannot start, ends
 * with another code than 0, takes too long or says too much.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const { input, signal, timeoutMs, ...rest } = options;
  signal?.throwIfAborted();
  const group = startGroup({ argv, ...rest, ...(input === undefined ? {} : { stdin: input }) });
  const stop = stopper(group, signal, timeoutMs);
  const stdout = new Collector(group.stdout, () => stop.now("said too much"));
  const stderr = new Collector(group.stderr, () => stop.now("said too much"));
  try {
    const status = await group.exited;
    await stop.through;
    await waitAtMost(Promise.all([stdout.ended, stderr.ended]), LINGER_MS);
    signal?.throwIfAborted();
    if (status.exitCode !== 0 || stop.why !== undefined) {
      throw new ExitError(group.program, status, decode(stderr.bytes()), stop.why);
    }
    const bytes = stdout.bytes();
    return { stdout: bytes, text: decode(bytes), stderr: decode(stderr.bytes()) };
  } finally {
    stop[Symbol.dispose]();
    await Promise.all([stdout.cancel(), stderr.cancel()]);
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Ends a group early, and remembers why. */
interface Stopper extends Disposable {
  readonly why: string | undefined;
  /** Settles when everything has been ended; at once if nothing had to be. */
  readonly through: Promise<unknown>;
  now(why: string): void;
}

function stopper(group: Group, signal?: AbortSignal, timeoutMs?: number): Stopper {
  const state: { why: string | undefined; through: Promise<unknown> } = {
    why: undefined,
    through: Promise.resolve(),
  };
  const now = (why: string) => {
    if (state.why !== undefined) return;
    state.why = why;
    state.through = group.terminate(GRACE_MS);
  };
  const onAbort = () => now("was ended");
  signal?.addEventListener("abort", onAbort, { once: true });
  const onTimeout = () => now(`took more than ${timeoutMs} ms`);
  const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout, timeoutMs);
  const dispose = () => {
    signal?.removeEventListener("abort", onAbort);
    clearTimeout(timer);
  };
  return Object.assign(state, { now, [Symbol.dispose]: dispose });
}

/** Collects a stream while it lasts. */
class Collector {
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(stream: ReadableStream<Uint8Array>, onOverflow: () => void) {
    this.#reader = stream.getReader();
    this.ended = this.#collect(onOverflow);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  async #collect(onOverflow: () => void): Promise<void> {
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      this.#length += value.length;
      if (this.#length > LONGEST_OUTPUT) return onOverflow();
      this.#chunks.push(value);
    }
  }
}
