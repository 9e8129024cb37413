// How many calls there may be: of a stranger, of all of them, and of one member.
import type { Connection } from "./acceptor.ts";
import { BoundedSet } from "./bounded-set.ts";
import type { ServeLimits } from "./limits.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { Code, RpcError } from "./rpc-error.ts";
import type { ServerCall } from "./server-call.ts";

/** The calls of one server. */
export class CallLimits {
  readonly #limits: ServeLimits;
  readonly #strangers: BoundedSet<ServerCall>;
  readonly #rates: Readonly<Record<"known" | "unknown" | "node", RateLimiter>>;
  /** They began more than they may, and are about to be closed. */
  readonly #greedy = new WeakSet<Connection>();
  readonly #timers = new Map<ServerCall, ReturnType<typeof setTimeout>>();
  /** By certificate. */
  readonly #members = new Map<string, number>();

  constructor(limits: ServeLimits) {
    this.#limits = limits;
    this.#strangers = new BoundedSet({
      most: limits.strangerCalls,
      mostOfOne: limits.strangerCallsPerAddress,
      evict: (call) =>
        call.abort(new RpcError(Code.resourceExhausted, "later calls need the room")),
    });
    this.#rates = {
      known: new RateLimiter(limits.knownStrangerCallRate),
      unknown: new RateLimiter(limits.strangerCallRate),
      node: new RateLimiter(limits.nodeCallRate),
    };
  }

  /**
   * Counts what begins on a connection, whether it becomes a call or is refused as none of ours:
   * to refuse costs nearly as much as to serve. Whoever goes on like this has to dial again.
   */
  begin(connection: Connection): void {
    const rate = this.#rateOf(connection);
    if (rate === undefined || rate.take(connection.origin) || this.#greedy.has(connection)) return;
    this.#greedy.add(connection);
    // Who else hears that it began still wants to answer.
    queueMicrotask(connection.close);
  }

  #rateOf({ isMember, isNode, isKnownOrigin }: Connection): RateLimiter | undefined {
    if (isMember) return isNode ? this.#rates.node : undefined;
    return isKnownOrigin ? this.#rates.known : this.#rates.unknown;
  }

  /** Counts a call; throws resourceExhausted where there is no room for it. */
  enter(call: ServerCall, connection: Connection): void {
    if (!connection.isMember) this.#enterStranger(call, connection.origin);
    else if (connection.origin !== "") this.#enterMember(connection);
    if (!this.#greedy.has(connection)) return;
    throw new RpcError(Code.resourceExhausted, "too many calls in too short a time");
  }

  #enterStranger(call: ServerCall, origin: string): void {
    this.#strangers.add(call, origin);
    const { strangerCallMs } = this.#limits;
    const late = new RpcError(
      Code.deadlineExceeded,
      `calls of strangers end in ${strangerCallMs} ms`,
    );
    this.#timers.set(
      call,
      setTimeout(() => call.abort(late), strangerCallMs),
    );
  }

  #enterMember({ origin, isNode }: Connection): void {
    const calls = this.#members.get(origin) ?? 0;
    this.#members.set(origin, calls + 1);
    const { callsPerMember, callsPerNode } = this.#limits;
    if (calls < (isNode ? callsPerNode : callsPerMember)) return;
    throw new RpcError(Code.resourceExhausted, "too many calls under one certificate");
  }

  /** Forgets a call that entered, or tried to. */
  leave(call: ServerCall, { isMember, origin }: Connection): void {
    if (!isMember) this.#leaveStranger(call);
    else if (origin !== "") this.#leaveMember(origin);
  }

  #leaveStranger(call: ServerCall): void {
    this.#strangers.delete(call);
    clearTimeout(this.#timers.get(call));
    this.#timers.delete(call);
  }

  #leaveMember(origin: string): void {
    const left = (this.#members.get(origin) ?? 1) - 1;
    if (left === 0) this.#members.delete(origin);
    else this.#members.set(origin, left);
  }
}
