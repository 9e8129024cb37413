// A person with the real metroctl, from source or compiled, and a configuration
// folder of their own.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { privateKeyPem, readOwnerKeyFile } from "../../src/base/pki/keys.ts";
import { ExitError, environment, roleCommand, run } from "../../src/base/process/process.ts";

/** An operator of one cluster. */
export class Operator {
  /** What metroctl remembers. */
  readonly folder: string;
  readonly #home: string;
  readonly #executable: string | undefined;

  /** `home` stands for the person's home directory. */
  constructor(home: string, executable?: string) {
    this.#home = home;
    this.folder = join(home, "metroctl");
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#executable = executable;
  }

  /** The whole command line for some words of metroctl, and what it is run with. */
  command(...words: readonly string[]) {
    const { argv, env } =
      this.#executable === undefined
        ? roleCommand("metroctl", words)
        : { argv: [this.#executable, ...words], env: {} };
    const places = { HOME: this.#home, XDG_CONFIG_HOME: this.#home };
    return { argv, env: environment({ ...env, ...places }) };
  }

  /** Runs a command that must work, and gives what it says on stdout. */
  async metroctl(...words: readonly string[]): Promise<string> {
    const { argv, env } = this.command(...words);
    return (await run(argv, { env })).text;
  }

  /** Runs a command that must fail, and gives how. */
  async refused(...words: readonly string[]): Promise<ExitError> {
    try {
      await this.metroctl(...words);
    } catch (error) {
      if (error instanceof ExitError) return error;
      throw error;
    }
    throw new Error(`metroctl ${words.join(" ")} worked`);
  }

  /** What proves the owner, after takeownership. */
  credentials(): { readonly keyPem: string; readonly certificatePem: string } {
    const file = (name: string) => readFileSync(join(this.folder, name), "utf8");
    return {
      keyPem: privateKeyPem(readOwnerKeyFile(file("owner-key.pem"))),
      certificatePem: file("owner.pem"),
    };
  }
}
