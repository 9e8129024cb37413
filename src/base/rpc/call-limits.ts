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
  readonly #rates: { readonly known: RateLimiter; readonly unknown: RateLimiter };
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
    };
  }

  /** Counts a call; throws resourceExhausted where there is no room for it. */
  enter(call: ServerCall, connection: Connection): void {
    if (!connection.isMember) this.#enterStranger(call, connection);
    else if (connection.origin !== "") this.#enterMember(connection.origin);
  }

  #enterStranger(call: ServerCall, { origin, isKnownOrigin, close }: Connection): void {
    const rate = isKnownOrigin ? this.#rates.known : this.#rates.unknown;
    if (!rate.take(origin)) {
      // To refuse costs nearly as much as to serve: whoever goes on like this has to dial again.
      close();
      throw new RpcError(Code.resourceExhausted, "too many calls from this address");
    }
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

  #enterMember(origin: string): void {
    const calls = this.#members.get(origin) ?? 0;
    this.#members.set(origin, calls + 1);
    if (calls < this.#limits.callsPerMember) return;
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
