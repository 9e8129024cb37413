// Where init's own words go: to the console while no agent lives, and always to the agent, whose
// log tree everybody reads. An agent that starts gets all that was said before, the last words of
// its dead predecessor included.
import type { Consoles } from "../base/linux/console.ts";
import { encodeEntry, formatConcise, type Logger, LogTree } from "../base/logtree/logtree.ts";

/** Enough for some thousand lines; the node agent keeps the rest. */
const MEMORY_BYTES = 1 << 20;

/** Takes the lines that an agent shall have. */
export type Listener = (line: string) => void;

/** Init's log. */
export class Journal {
  readonly log: Logger;
  readonly #tree = new LogTree({ bytes: MEMORY_BYTES });
  #consoles: Consoles;
  #isQuiet = false;

  constructor(consoles: Consoles) {
    this.#consoles = consoles;
    this.log = this.#tree.logger("init");
    void this.#show();
  }

  /** Uses other consoles from now on. */
  moveTo(consoles: Consoles): void {
    this.#consoles = consoles;
  }

  /** Prints entries as they come, unless an agent has the console. */
  async #show(): Promise<void> {
    const { stream } = this.#tree.read({ dn: "init", withChildren: true, stream: true });
    for await (const entry of stream) {
      if (!this.#isQuiet) this.#consoles.writeLine(formatConcise(entry));
    }
  }

  /** Prints a line as it is, whoever has the console. */
  print(line: string): void {
    this.#consoles.writeLine(line);
  }

  /** Keeps a line of a program's output, at a DN below ours. */
  keep(name: string, line: string): void {
    this.#tree.raw(`init.${name}`).write(`${line}\n`);
  }

  /**
   * Gives an agent all that was said and all that will be, and leaves the console to it, until the
   * returned function is called.
   */
  async attach(listener: Listener): Promise<() => void> {
    // A turn of the loop, for what is on its way to the console.
    await Bun.sleep(0);
    this.#isQuiet = true;
    const { backlog, stream } = this.#tree.read({
      dn: "init",
      withChildren: true,
      backlog: "all",
      stream: true,
    });
    for (const entry of backlog) listener(encodeEntry(entry));
    void (async () => {
      for await (const entry of stream) listener(encodeEntry(entry));
    })();
    return () => {
      stream.close();
      this.#isQuiet = false;
    };
  }
}
