// The search for whoever leads a group of servers: who is asked, whom one settles on, and when
// one looks again.
import { sleep, within } from "../event/event.ts";
import { Agreement, type Endpoint, type Known, type Vote } from "./agreement.ts";
import { Attempts, TooLateError } from "./attempts.ts";
import type { Channel } from "./channel.ts";
import type { CallOptions } from "./method.ts";
import { Code, RpcError } from "./rpc-error.ts";

/** How the leader is found. */
export interface LeaderOptions {
  /** Whom one may ask and believe; looked at anew for each round. */
  readonly known: () => Known;
  /** A connection to a server, which must refuse anyone but the node that is named. */
  readonly dial: (endpoint: Endpoint) => Channel;
  /** What one server says about the leader. Throws an RpcError where it does not know. */
  readonly locate: (seed: Endpoint, options: CallOptions) => Promise<Vote>;
  /** The leader to begin with, where it is known. */
  readonly first?: Endpoint | undefined;
  /** How long things take on this machine. */
  readonly timing?: Partial<LeaderTiming>;
}

/** Milliseconds. */
export interface LeaderTiming {
  /** How long one seed may take to answer. */
  readonly locateMs: number;
  /** Between two rounds, half of it at least. */
  readonly pauseMs: number;
  /** After so long without an answer, others are asked whether the leader is still the same. */
  readonly doubtMs: number;
  /** The deadline of a unary call that has none. */
  readonly deadlineMs: number;
  /** How often others are asked about a leader who answers, half of it at least. */
  readonly watchMs: number;
}

/** Where nothing is said of how long things take. */
export const usualTiming: LeaderTiming = {
  locateMs: 2_000,
  pauseMs: 200,
  doubtMs: 700,
  deadlineMs: 30_000,
  // Each time is a handshake for one of few members, who serve thousands of nodes.
  watchMs: 60_000,
};

/** Codes that a server answers with, or a connection fails with, where nobody leads. */
const ELSEWHERE: readonly Code[] = [Code.unavailable, Code.unimplemented];

/** Said by the library, not by a handler that has a reason. */
function isNoService({ code, message }: RpcError): boolean {
  return code === Code.unimplemented && message.startsWith("The server does not implement");
}

/** One server that is taken for the leader. */
export interface Found extends Endpoint {
  readonly channel: Channel;
  /** It was among the members that are known; once it is not, it leads nobody. */
  readonly isMember: boolean;
}

/** The leader of one channel. */
export class LeaderSearch {
  readonly timing: LeaderTiming;
  readonly #options: LeaderOptions;
  readonly #closed = new AbortController();
  #present: Found | undefined;
  /** Where the leader was last, and is no more; who still names it may be cut off. */
  #past: Endpoint | undefined;
  #searching: Promise<Found> | undefined;

  constructor(options: LeaderOptions & { readonly timing: LeaderTiming }) {
    this.#options = options;
    this.timing = options.timing;
    if (options.first !== undefined) this.#take(options.first);
  }

  close(): void {
    this.#closed.abort(new RpcError(Code.cancelled, "the channel is closed"));
    this.#forget(this.#present);
  }

  /** Does something with the leader, again with the next one while none of them answers. */
  async persist<R>(
    limit: number,
    given: AbortSignal | undefined,
    work: (found: Found, signal: AbortSignal) => Promise<R>,
  ): Promise<R> {
    const signal = AbortSignal.any([this.#closed.signal, ...(given ? [given] : [])]);
    const attempts = new Attempts();
    for (;;) {
      signal.throwIfAborted();
      try {
        return await this.#attempt(await this.#leaderBy(limit, signal), signal, work);
      } catch (error) {
        signal.throwIfAborted();
        attempts.failed(error);
        const isPassing = error instanceof RpcError && ELSEWHERE.includes(error.code);
        if (!isPassing || performance.now() + this.timing.pauseMs > limit) throw attempts.failure;
      }
      await this.#pause(signal);
    }
  }

  /** The leader, or a failure when it is not found by the limit. */
  async #leaderBy(limit: number, signal: AbortSignal): Promise<Found> {
    if (limit === Number.POSITIVE_INFINITY) return this.leader(signal);
    const over = new AbortController();
    const tooLate = async (): Promise<never> => {
      await sleep(Math.max(0, limit - performance.now()), over.signal);
      const seeds = targets(this.#options.known()).join(", ");
      throw new TooLateError(Code.unavailable, `no leader in time: asked ${seeds}`);
    };
    try {
      return await Promise.race([this.leader(signal), tooLate()]);
    } finally {
      over.abort();
    }
  }

  async #attempt<R>(
    found: Found,
    signal: AbortSignal,
    work: (found: Found, signal: AbortSignal) => Promise<R>,
  ): Promise<R> {
    const over = new AbortController();
    const doubt = this.#doubt(found, AbortSignal.any([signal, over.signal]));
    try {
      return await Promise.race([work(found, AbortSignal.any([signal, over.signal])), doubt]);
    } catch (error) {
      throw this.failure(found, error);
    } finally {
      over.abort(new RpcError(Code.cancelled, "the attempt is over"));
    }
  }

  /** What a failed call means, and the end of the channel where it means another leader. */
  failure(found: Found, error: unknown): unknown {
    if (!(error instanceof RpcError)) return error;
    if (ELSEWHERE.includes(error.code)) this.#forget(found);
    // The next call may have a better certificate, which only another connection can show.
    if (error.code === Code.unauthenticated) this.#forget(found);
    // A member that leads no more has no such service, which nobody who reads this should puzzle out.
    if (isNoService(error)) return new RpcError(error.code, `${found.target} does not lead`);
    // Another call found out first, and has closed the channel under this one.
    const wasClosed = error.code === Code.cancelled && this.#present !== found;
    if (!wasClosed || this.#closed.signal.aborted) return error;
    return new RpcError(Code.unavailable, `${found.target} does not lead any more`);
  }

  /** Throws unavailable when another server is the leader by now; a paused one never says so. */
  async #doubt(found: Found, signal: AbortSignal): Promise<never> {
    for (;;) {
      try {
        await sleep(this.timing.doubtMs, signal);
      } catch {
        return new Promise<never>(() => {});
      }
      const leader = await this.#ask(found, signal).catch(() => found);
      if (isSame(leader, found)) continue;
      throw new RpcError(Code.unavailable, `${leader.target} leads instead of ${found.target}`);
    }
  }

  /** What a member beside one says, of at most so many that are asked. */
  async #ask(
    asked: Endpoint,
    signal: AbortSignal,
    most = Number.POSITIVE_INFINITY,
  ): Promise<Endpoint> {
    const known = this.#options.known();
    const others = known.seeds
      .filter(({ target }) => target !== asked.target)
      .toSorted(() => Math.random() - 0.5)
      .slice(0, most);
    return Promise.any(
      others.map(async (seed) => {
        const vote = await this.#locate(seed, signal);
        if (new Agreement(known).hear(vote)) return vote.leader;
        throw new RpcError(Code.unavailable, `${vote.by} is no known member`);
      }),
    );
  }

  /** The leader; several calls look for it together. */
  leader(signal?: AbortSignal): Promise<Found> {
    this.#forgetDeleted();
    if (this.#present !== undefined) return Promise.resolve(this.#present);
    this.#searching ??= this.#find(this.#closed.signal).finally(() => {
      this.#searching = undefined;
    });
    return within(this.#searching, signal);
  }

  /** Asks all seeds at once: one that hangs must not hold up the others' answers. */
  async #find(signal: AbortSignal): Promise<Found> {
    const known = this.#options.known();
    if (known.seeds.length === 0) throw new RpcError(Code.unavailable, "no server is known");
    const round = new AbortController();
    try {
      const either = AbortSignal.any([signal, round.signal]);
      return this.#take(await this.#agree(known, either));
    } finally {
      round.abort(new RpcError(Code.cancelled, "the round is over"));
    }
  }

  #take(endpoint: Endpoint): Found {
    const isMember = this.#options.known().members.has(endpoint.id);
    const found = { ...endpoint, isMember, channel: this.#options.dial(endpoint) };
    this.#present = found;
    void this.#watch(found);
    return found;
  }

  #forgetDeleted(): void {
    if (this.#present?.isMember !== true) return;
    if (!this.#options.known().members.has(this.#present.id)) this.#forget(this.#present);
  }

  /**
   * Leaves a leader whom the others do not follow any more: one that was deleted, or cut off
   * with us, may go on answering, and those who listen to it would never hear of that.
   */
  async #watch(found: Found): Promise<void> {
    const signal = this.#closed.signal;
    while (this.#present === found && !signal.aborted) {
      try {
        await sleep(this.timing.watchMs * (0.5 + Math.random() / 2), signal);
        if (isSame(await this.#ask(found, signal, 1), found)) continue;
        const leader = await this.#agree(this.#options.known(), signal);
        if (!isSame(leader, found)) this.#forget(found);
      } catch {
        // Nobody can tell at the moment.
      }
    }
  }

  /** Whom they agree upon: as soon as that is settled, or else once all had their time. */
  async #agree(known: Known, signal: AbortSignal): Promise<Endpoint> {
    const agreement = new Agreement(known);
    const settled = Promise.withResolvers<Endpoint>();
    const asking = known.seeds.map(async (seed) => {
      const vote = await this.#locateNext(seed, signal);
      if (!agreement.hear(vote)) throw new RpcError(Code.unavailable, `${vote.by} is no member`);
      const leader = agreement.settled();
      if (leader === undefined) return;
      const isExpected = known.seeds.some(({ id }) => id !== "" && id === leader.id);
      // Others may have been faster, who say less well where he is.
      if (isExpected && !agreement.isOwnWord(leader)) await this.#ownWord(signal);
      settled.resolve(agreement.settled() ?? leader);
    });
    const last = Promise.allSettled(asking).then((results) => {
      const leader = agreement.likely();
      if (leader !== undefined) return leader;
      const reasons = [agreement.describe(), ...failures(known.seeds, results)].join("; ");
      throw new RpcError(Code.unavailable, `no leader: ${reasons}`);
    });
    return Promise.race([settled.promise, last]);
  }

  /** Waits for what one who leads says himself, as long as that may take where he is reached. */
  #ownWord(signal: AbortSignal): Promise<void> {
    return sleep(this.timing.pauseMs, signal);
  }

  /** Believes a server that names the leader of before only after others had time to answer. */
  async #locateNext(seed: Endpoint, signal: AbortSignal): Promise<Vote> {
    const limit = performance.now() + this.timing.doubtMs;
    for (;;) {
      const vote = await this.#locate(seed, signal);
      const isPast = this.#past !== undefined && isSame(vote.leader, this.#past);
      if (!isPast || performance.now() > limit) return vote;
      await this.#pause(signal);
    }
  }

  /**
   * Asks one server until it knows. Again and again within the time that it has: the
   * round goes on while another server hangs, and the next leader must not wait for that.
   */
  async #locate(seed: Endpoint, signal: AbortSignal): Promise<Vote> {
    const limit = performance.now() + this.timing.locateMs;
    const attempts = new Attempts();
    for (;;) {
      try {
        const timeoutMs = Math.max(1, limit - performance.now());
        return await this.#options.locate(seed, { signal, timeoutMs });
      } catch (error) {
        if (!(error instanceof RpcError) || signal.aborted) throw error;
        attempts.failed(error);
        if (performance.now() + this.timing.pauseMs > limit) throw attempts.failure;
      }
      await this.#pause(signal);
    }
  }

  #forget(found: Found | undefined): void {
    if (found === undefined || this.#present !== found) return;
    this.#present = undefined;
    this.#past = found;
    // Calls of others on it get their turn to notice: they fail as unavailable, and follow.
    found.channel.close();
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { pauseMs } = this.timing;
    return sleep(pauseMs * (0.5 + Math.random() / 2), signal);
  }
}

/** One node may be reached in several ways. */
function isSame(one: Endpoint, other: Endpoint): boolean {
  if (one.id !== "" && other.id !== "") return one.id === other.id;
  return one.target === other.target;
}

function targets({ seeds }: Known): readonly string[] {
  return seeds.map(({ target }) => target);
}

/** Why seeds did not tell, each with its name. */
function failures(
  seeds: readonly Endpoint[],
  results: readonly PromiseSettledResult<void>[],
): readonly string[] {
  return results.flatMap((result, index) => {
    if (result.status === "fulfilled") return [];
    const { reason } = result;
    return [`${seeds[index]?.target}: ${reason instanceof Error ? reason.message : reason}`];
  });
}
