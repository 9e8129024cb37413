// What a runnable is, and what it gets to work with.
import type { Logger, LogTree, RawLogger } from "../logtree/logtree.ts";

/** Where a runnable is in its life; the words are the handbook's. */
export type NodeState = "NEW" | "HEALTHY" | "DEAD" | "DONE" | "CANCELED";

/**
 * Something that runs under supervision.
 *
 * It ends when its signal aborts, best by throwing the signal's reason, which
 * the waits of base/event do by themselves. If it ends otherwise, without
 * having called done, it counts as failed and is started again, with a pause.
 */
export type Runnable = (context: Context) => Promise<void>;

/** A runnable's way to its supervisor; valid for one run. The functions may be taken off it. */
export interface Context {
  /** The name of this place in the tree, such as `root.network.interfaces`. */
  readonly dn: string;
  /** Aborts when this run has to end. */
  readonly signal: AbortSignal;
  /** Writes log entries at the DN. */
  readonly log: Logger;
  /** Writes lines of programs at the DN. */
  readonly raw: RawLogger;
  readonly tree: LogTree;
  /** Says that all is well: once, and after starting what runs below. */
  healthy(): void;
  /** Says that returning is fine from now on: once, after healthy. */
  done(): void;
  /** Starts a runnable below this one that fails alone. Only before healthy. */
  run(name: string, runnable: Runnable): void;
  /** Starts runnables below this one that fail together. Only before healthy. */
  runGroup(runnables: Readonly<Record<string, Runnable>>): void;
  /** A logger one level below, for parts that are no runnables; takes the name. */
  sublogger(name: string): Logger;
}
