// A machine's serial console: QEMU appends everything to a file, for ever; here
// that file is read as it grows, waited on for a text, and shown to a person.
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { createConnection } from "node:net";
import { sleep } from "../base/event/event.ts";
import { LauncherError } from "./launcher-error.ts";

const POLL_MS = 50;
const CHUNK_BYTES = 64 * 1024;

/** Escape sequences of firmware and kernel: colours, cursor moves, mode changes. */
const ESCAPES = /\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>])/g;

/** Console output as plain lines of text. */
export function plainText(bytes: string): string {
  return bytes.replace(ESCAPES, "").replaceAll("\r", "");
}

/** The console of one machine, from a position on. */
export class ConsoleLog {
  readonly #file: string;
  /** Where this reader begins, in bytes. */
  #start = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** Forgets what has been printed so far, as at a power-on. */
  skip(): void {
    this.#start = this.#size();
  }

  /** All text since the start or the last `skip`. */
  text(): string {
    return plainText(Buffer.concat([...chunks(this.#file, this.#start)]).toString("utf8"));
  }

  /**
   * Waits until `pattern` matches somewhere in the text since the last `skip`.
   * Throws LauncherError with the last lines when it does not in time.
   */
  async waitFor(
    pattern: RegExp,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<RegExpExecArray> {
    const limit = performance.now() + options.timeoutMs;
    for (;;) {
      const found = pattern.exec(this.text());
      if (found !== null) return found;
      if (performance.now() > limit) throw this.#missed(pattern, options.timeoutMs);
      await sleep(POLL_MS, options.signal);
    }
  }

  /** Raw output from the start on, and then as it comes, until `signal` aborts. */
  async *follow(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let position = this.#start;
    while (!signal.aborted) {
      for (const chunk of chunks(this.#file, position)) {
        position += chunk.length;
        yield chunk;
      }
      // An abort ends the wait early; the loop's condition ends the rest.
      await sleep(POLL_MS, signal).catch(() => undefined);
    }
  }

  /** Plain lines as they are completed, until `signal` aborts. */
  async *lines(signal: AbortSignal): AsyncGenerator<string> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.follow(signal)) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      yield* parts.map(plainText);
    }
  }

  #size(): number {
    if (!existsSync(this.#file)) return 0;
    const descriptor = openSync(this.#file, "r");
    const { size } = fstatSync(descriptor);
    closeSync(descriptor);
    return size;
  }

  #missed(pattern: RegExp, timeoutMs: number): LauncherError {
    const last = this.text().trimEnd().split("\n").slice(-12).join("\n  ");
    return new LauncherError(
      `wait ${timeoutMs / 1000} s for ${pattern} on the console; it ends with:\n  ${last}`,
    );
  }
}

/** The file's bytes from `start` on, as of now. */
function* chunks(file: string, start: number): Generator<Uint8Array> {
  if (!existsSync(file)) return;
  const descriptor = openSync(file, "r");
  try {
    for (let position = start; ; ) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const count = readSync(descriptor, chunk, 0, CHUNK_BYTES, position);
      if (count === 0) return;
      position += count;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** What a person's terminal is to `attachConsole`. */
export interface Terminal {
  write(bytes: Uint8Array): void;
  /** What the person types; absent when the console is only watched. */
  readonly input?: AsyncIterable<Uint8Array>;
}

/** Shows a console from `log`'s start on, and passes on what is typed, until `signal` aborts. */
export async function attachTo(
  log: ConsoleLog,
  serialSocket: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (terminal.input !== undefined) void type(serialSocket, terminal.input, signal);
  for await (const chunk of log.follow(signal)) terminal.write(chunk);
}

async function type(serialSocket: string, input: AsyncIterable<Uint8Array>, signal: AbortSignal) {
  const socket = createConnection({ path: serialSocket });
  // A machine that is off takes no input; and its output comes from the file, not from here.
  socket.on("error", () => undefined);
  socket.resume();
  signal.addEventListener("abort", () => socket.destroy(), { once: true });
  for await (const bytes of input) {
    if (signal.aborted) return;
    socket.write(bytes);
  }
}
