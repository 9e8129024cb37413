// A person with the real metroctl executable and a configuration folder of their
// own, as VM tests play one.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const ATTEMPTS = 10;
const RETRY_MS = 2_000;

/** What one command did. */
export interface Transcript {
  /** The words after `metroctl`, the operator's own flags left out. */
  readonly command: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Raised when a command that had to work did not. */
class CommandError extends Error {
  override readonly name = "CommandError";
}

/** An operator; the folder holds keys and contexts. */
export class Operator {
  readonly folder: string;
  /** Every command so far, oldest first. */
  readonly transcripts: Transcript[] = [];

  readonly #outputs: string;

  /** `outputs` is where the build put metroctl. */
  constructor(folder: string, outputs: string) {
    mkdirSync(folder, { recursive: true });
    this.folder = folder;
    this.#outputs = outputs;
  }

  /** One with the same keys and contexts, in another folder. */
  copy(folder: string): Operator {
    cpSync(this.folder, folder, { recursive: true });
    return new Operator(folder, this.#outputs);
  }

  /** Runs a command, whatever comes of it. */
  async attempt(...words: readonly string[]): Promise<Transcript> {
    const program = join(this.#outputs, "metroctl");
    const child = Bun.spawn([program, "--config", this.folder, ...words], {
      env: {
        HOME: this.folder,
        KUBECONFIG: join(this.folder, "kubeconfig"),
        PATH: process.env.PATH ?? "/usr/bin:/bin",
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    const transcript = { command: words.join(" "), exitCode, stdout, stderr };
    this.transcripts.push(transcript);
    return transcript;
  }

  /** Runs a command that must work, and gives what it answers on stdout. */
  async metroctl(...words: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.attempt(...words);
    if (exitCode === 0) return stdout;
    throw new CommandError(`metroctl ${words.join(" ")}: exit code ${exitCode}\n${stderr}`);
  }

  /** Runs a command until it works: a cluster that has just come up may be busy electing. */
  async persist(...words: readonly string[]): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      const { exitCode, stdout } = await this.attempt(...words);
      if (exitCode === 0) return stdout;
      if (attempt === ATTEMPTS) return this.metroctl(...words);
      await Bun.sleep(RETRY_MS);
    }
  }
}
