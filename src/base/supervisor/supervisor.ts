// The supervision tree: everything that runs in a process, each part called a
// runnable, named by a DN. When a runnable fails, it and all that depends on it
// are ended, bottom up, and started again, top down, after a pause.
//
//             run, runGroup                       healthy()
//   (new) ──────────────────► NEW ───────────────────────────► HEALTHY
//                              │                                │  │ done(), then
//                  throws,     │    own signal aborted,         │  │ returns
//                  or returns  ├──► and it obeyed: CANCELED ◄───┤  └───────► DONE
//                  undone      └──────────► DEAD ◄──────────────┘
//
// - A runnable starts others only while it is NEW, so a healthy one has all its
//   parts. It may return when done and leave them running.
// - Who dies takes its group along, and everything below. Nothing is started
//   again before all of that has ended: two runs of a runnable never overlap.
// - The pause grows with each death in a row, and a sign of life resets it.
//
// A signal aborts without a listener in between: abort goes down the tree by
// recursion. Nothing here polls; an idle tree uses no CPU.
import { sleep } from "../event/event.ts";
import { checkDn, errorText, type Logger, LogTree } from "../logtree/logtree.ts";
import { Backoff, type BackoffOptions, defaultBackoff } from "./backoff.ts";
import type { Context, NodeState, Runnable } from "./context.ts";
import { Node, type Post } from "./node.ts";
import { type Ending, outcomeOf } from "./outcome.ts";
import { SupervisorError } from "./supervisor-error.ts";

export type { Context, NodeState, Runnable } from "./context.ts";
export { SupervisorError } from "./supervisor-error.ts";

/** How long stop waits before it says, again, whom it waits for. */
const PATIENCE_MS = 5_000;

/** Frames of a stack shown when our own code is to blame. */
const FRAMES = 8;

/** Settings of a supervisor. */
export interface SupervisorOptions {
  /** Where its runnables log; a new tree if absent. */
  readonly tree?: LogTree;
  /** The DN of the root runnable; `root` unless this process is part of a larger tree. */
  readonly rootDn?: string;
  /** Waits, for pauses before restarts. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Numbers in [0, 1), to spread restarts. */
  readonly random?: () => number;
  readonly backoff?: BackoffOptions;
  /** Hears of every change of state, for metrics. */
  readonly onState?: (dn: string, from: NodeState | undefined, to: NodeState) => void;
}

/** Why runs are aborted. */
class CanceledError extends Error {
  override readonly name = "CanceledError";
}

/** Runs a root runnable and everything that it starts. */
export class Supervisor {
  /** The log tree of all runnables. */
  readonly tree: LogTree;
  readonly #options: Required<Omit<SupervisorOptions, "tree" | "rootDn">>;
  readonly #log: Logger;
  readonly #waiters = new Set<() => void>();
  #root: Node;
  readonly #stopping = new AbortController();
  #isStarted = false;

  constructor(root: Runnable, options: SupervisorOptions = {}) {
    const { tree = new LogTree(), rootDn = "root", ...rest } = options;
    checkDn(rootDn);
    this.tree = tree;
    this.#options = {
      sleep,
      random: Math.random,
      backoff: defaultBackoff,
      onState: () => {},
      ...rest,
    };
    // A process inside a larger tree keeps to its own branch.
    this.#log = tree.logger(rootDn === "root" ? "supervisor" : `${rootDn}.supervisor`);
    const backoff = new Backoff(this.#options.backoff);
    const post = {
      dn: rootDn,
      name: rootDn,
      runnable: root,
      parent: undefined,
      group: [],
      backoff,
    };
    this.#root = new Node(post);
  }

  /** Starts the root runnable. Doing so twice does nothing. */
  start(): void {
    if (this.#isStarted || this.#isStopped) return;
    this.#isStarted = true;
    this.#launch(this.#root, 0);
  }

  /**
   * Aborts everything and waits until all of it has ended; nothing starts again.
   *
   * Names those that take long in the log. With `timeoutMs` it gives up then
   * and throws a {@link SupervisorError} that names them too.
   */
  async stop(timeoutMs = Number.POSITIVE_INFINITY): Promise<void> {
    const reason = new CanceledError("the supervisor stops");
    this.#stopping.abort(reason);
    this.#root.cancel(reason);
    if (!this.#isStarted) return;
    // Those who wait for the tree to settle wait in vain now.
    this.#wake();
    for (let left = timeoutMs; !this.#root.isReady; left -= PATIENCE_MS) {
      if (left <= 0) throw new SupervisorError(this.#root.dn, this.#stragglers());
      if (left < timeoutMs) this.#log.warning(this.#stragglers());
      await this.#until(() => this.#root.isReady, Math.min(left, PATIENCE_MS));
    }
  }

  /** The state of every runnable, by DN. */
  states(): ReadonlyMap<string, NodeState> {
    return new Map([...this.#root.walk()].map(({ dn, state }) => [dn, state]));
  }

  /** Waits until every runnable is healthy or done. Throws when the supervisor is stopped. */
  async settled(): Promise<void> {
    const isSettled = () =>
      [...this.#root.walk()].every(({ state }) => state === "HEALTHY" || state === "DONE");
    await this.#until(() => this.#isStopped || isSettled());
    if (!isSettled()) throw new SupervisorError(this.#root.dn, "stopped before it settled");
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  #stragglers(): string {
    const running = [...this.#root.walk()].filter(({ isOver }) => !isOver).map(({ dn }) => dn);
    return `still running: ${running.join(", ")}`;
  }

  /** Waits until something holds that changes of state bring about, at most `limitMs`. */
  async #until(isMet: () => boolean, limitMs?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = () => {
      if (isMet()) resolve();
      else this.#waiters.add(check);
    };
    const timer = limitMs === undefined ? undefined : setTimeout(resolve, limitMs);
    check();
    await promise;
    clearTimeout(timer);
    this.#waiters.delete(check);
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  #move(node: Node, state: NodeState): void {
    const from = node.state;
    node.state = state;
    this.#options.onState(node.dn, from, state);
    this.#wake();
  }

  /** Takes care of one run from its pause to its end; never rejects. */
  #launch(node: Node, pauseMs: number): void {
    this.#options.onState(node.dn, undefined, "NEW");
    void this.#live(node, pauseMs).then((ending) => this.#end(node, ending));
  }

  async #live(node: Node, pauseMs: number): Promise<Ending> {
    const context = this.#context(node);
    try {
      // Even without a pause the parent goes on first, to its next wait.
      if (pauseMs > 0) await this.#options.sleep(pauseMs, this.#above(node));
      else await Promise.resolve();
      node.signal.throwIfAborted();
      await node.post.runnable(context);
      return { kind: "returned" };
    } catch (error) {
      return { kind: "threw", error };
    } finally {
      context.raw.flush();
    }
  }

  /**
   * What may cut a pause short: the parent's end, not that of a comrade. Else
   * two comrades that fail in turn would start each other again without pause.
   */
  #above({ post: { parent } }: Node): AbortSignal {
    return parent?.signal ?? this.#stopping.signal;
  }

  #end(node: Node, ending: Ending): void {
    const { state, error } = outcomeOf(
      { isDone: node.isDoneSignalled, signal: node.signal },
      ending,
    );
    this.#move(node, state);
    if (state === "DEAD") this.#fail(node, error);
    else this.#collect(node);
  }

  /** Takes along all that depends on a dead node. */
  #fail(node: Node, error: unknown): void {
    this.tree.logger(node.dn).fatal(`Runnable failed: ${errorText(error)}${blame(error)}`);
    const reason = new CanceledError(`${node.dn} failed`);
    const affected = [node, ...comrades(node)];
    for (const each of affected) each.cancel(reason);
    for (const each of affected) this.#collect(each);
  }

  /** Starts the largest aborted subtree around `node` again, once all of it is over. */
  #collect(node: Node): void {
    if (this.#isStopped || !node.signal.aborted) return;
    // Whatever lies below an aborted node is aborted too: look for the topmost.
    let top = node;
    while (top.post.parent?.signal.aborted) top = top.post.parent;
    // A node that was replaced meanwhile has no say any more.
    if (!top.isReady || this.#at(top.post) !== top) return;
    const pauseMs = top.state === "DEAD" ? top.post.backoff.next(this.#options.random()) : 0;
    this.#log.info(`${top.dn} ${top.state} => NEW, pause of ${Math.round(pauseMs)} ms`);
    this.#put(new Node(top.post), pauseMs);
  }

  /** Who is in this place now. */
  #at({ parent, name }: Post): Node | undefined {
    return parent === undefined ? this.#root : parent.children.get(name);
  }

  #put(node: Node, pauseMs: number): void {
    const { parent, name } = node.post;
    if (parent === undefined) this.#root = node;
    else parent.children.set(name, node);
    this.#launch(node, pauseMs);
  }

  #context(node: Node): Context {
    const { tree } = this;
    const { dn, signal } = node;
    return {
      dn,
      signal,
      tree,
      log: tree.logger(dn),
      raw: tree.raw(dn),
      healthy: () => this.#healthy(node),
      done: () => this.#done(node),
      run: (name, runnable) => this.#runGroup(node, { [name]: runnable }),
      runGroup: (runnables) => this.#runGroup(node, runnables),
      sublogger: (name) => {
        node.reserve(name);
        return tree.logger(`${dn}.${name}`);
      },
    };
  }

  #healthy(node: Node): void {
    if (node.state !== "NEW") throw new SupervisorError(node.dn, `healthy while ${node.state}`);
    node.post.backoff.reset();
    this.#move(node, "HEALTHY");
  }

  #done(node: Node): void {
    if (node.state !== "HEALTHY") throw new SupervisorError(node.dn, `done while ${node.state}`);
    if (node.isDoneSignalled) throw new SupervisorError(node.dn, "done twice");
    node.post.backoff.reset();
    node.isDoneSignalled = true;
  }

  #runGroup(parent: Node, runnables: Readonly<Record<string, Runnable>>): void {
    const group = Object.keys(runnables);
    if (parent.state !== "NEW") {
      throw new SupervisorError(parent.dn, `start ${group.join(", ")} while ${parent.state}`);
    }
    for (const name of group) parent.checkName(name);
    for (const [name, runnable] of Object.entries(runnables)) {
      const dn = `${parent.dn}.${name}`;
      const backoff = new Backoff(this.#options.backoff);
      const node = new Node({ dn, name, runnable, parent, group, backoff });
      // Too late to run, but not to be told so: the parent was aborted meanwhile.
      if (parent.signal.aborted) node.cancel(parent.signal.reason);
      this.#put(node, 0);
    }
  }
}

/** Those that were started together with a node, itself left out. */
function comrades({ post: { parent, group, name } }: Node): readonly Node[] {
  return group
    .filter((each) => each !== name)
    .flatMap((each) => {
      const node = parent?.children.get(each);
      return node === undefined ? [] : [node];
    });
}

/** Where it happened, for errors that mean a mistake in our own code. */
function blame(error: unknown): string {
  const isOurs =
    error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  if (!isOurs) return "";
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return ["", ...frames.slice(0, FRAMES)].join("\n");
}
