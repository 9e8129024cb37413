// A place in the supervision tree, for one run of its runnable. A restart puts
// a new node in its place, so whatever still holds the old one can do no harm.
import type { Backoff } from "./backoff.ts";
import type { NodeState, Runnable } from "./context.ts";
import { SupervisorError } from "./supervisor-error.ts";

const namePattern = /^[a-z0-9_]{1,64}$/;

/** What stays the same over all runs in one place. */
export interface Post {
  readonly dn: string;
  readonly name: string;
  readonly runnable: Runnable;
  /** Who started it; nobody started the root. */
  readonly parent: Node | undefined;
  /** Names of all that were started together with it, its own included. */
  readonly group: readonly string[];
  readonly backoff: Backoff;
}

/** One run, from NEW to its end. */
export class Node {
  state: NodeState = "NEW";
  isDoneSignalled = false;
  readonly children = new Map<string, Node>();
  readonly #controller = new AbortController();
  readonly #reserved = new Set<string>();

  constructor(readonly post: Post) {}

  get dn(): string {
    return this.post.dn;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the runnable has returned, or will never run. */
  get isOver(): boolean {
    return this.state === "DEAD" || this.state === "DONE" || this.state === "CANCELED";
  }

  /** Whether all of the subtree is over. */
  get isReady(): boolean {
    return this.isOver && [...this.children.values()].every((child) => child.isReady);
  }

  /** Aborts this run and all below it. */
  cancel(reason: Error): void {
    if (!this.signal.aborted) this.#controller.abort(reason);
    for (const child of this.children.values()) child.cancel(reason);
  }

  /** The node and all below it, parents first. */
  *walk(): Generator<Node, void, undefined> {
    yield this;
    for (const child of this.children.values()) yield* child.walk();
  }

  /** Throws unless a child could have this name. */
  checkName(name: string): void {
    if (!namePattern.test(name)) throw new SupervisorError(this.dn, `${name} is not a valid name`);
    if (this.children.has(name)) throw new SupervisorError(this.dn, `${name} runs already`);
    if (this.#reserved.has(name)) throw new SupervisorError(this.dn, `${name} is a sublogger`);
  }

  /** Takes a name for a sublogger; taking it again is fine. */
  reserve(name: string): void {
    if (this.#reserved.has(name)) return;
    this.checkName(name);
    this.#reserved.add(name);
  }
}
