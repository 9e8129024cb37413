// What a build stage is: a name, what it is made of, and how it is made.
//
// The graph (graph.ts) decides when a stage runs and where its result lies; a stage only says what
// its bytes depend on. Whatever can change the result must be an input, or the cache would lie.

/** Something that went wrong while building, worded for the person at the terminal. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}

/** The programs a stage calls, and the Debian package each comes from. */
export type HostPrograms = Readonly<Record<string, string>>;

/** What a running stage is given. */
export interface StageRun {
  /** The empty folder that becomes the stage's result; it is renamed into place at the end. */
  readonly folder: string;
  /** The result folder of a stage named in `needs`. */
  result(stage: string): string;
  /** One line of progress. */
  note(text: string): void;
}

/** A node of the build graph. */
export interface Stage {
  readonly name: string;
  /** One line for `bun build.ts list`. */
  readonly summary: string;
  /** Stages whose results this one reads; their keys are part of its key. */
  readonly needs: readonly string[];
  /**
   * The path of a file of ours: what it and all that it imports do is part of the key. That of the
   * stage itself, but where a result takes long to make: there what decides its bytes has a file
   * of its own.
   */
  readonly code: string;
  /** Programs of the host that must be there. */
  readonly programs?: HostPrograms;
  /** Headers and the like that are no programs: a file to look for, and the package it is in. */
  readonly files?: HostPrograms;
  /** Everything else the result depends on, as lines of text. */
  inputs(): Promise<readonly string[]>;
  make(run: StageRun): Promise<void>;
  /** The file of the result that people want; `bun build.ts <stage>` prints it. */
  readonly output?: string;
  /** Links in `<cache>/out/`, by name, to files of the result ("" is the folder itself). */
  readonly links?: Readonly<Record<string, string>>;
}
