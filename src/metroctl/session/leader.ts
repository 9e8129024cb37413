// The way to whoever leads the control plane. All that are known are asked at once, endpoints
// and members; the channel then follows the leader by itself. Any node of the cluster has a
// certificate of its CA: who leads is what members say that this context knows.
import { sleep } from "../../base/event/event.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import {
  Agreement,
  Attempts,
  type CallOptions,
  type Channel,
  Code,
  connect,
  type Endpoint,
  type Known,
  leaderChannel,
  RpcError,
  type Vote,
} from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { ClusterDirectory } from "../../gen/metropolis/proto/common/common_pb.ts";
import { printable } from "../output/printable.ts";
import { UserError } from "../output/user-error.ts";
import type { Reach } from "./context.ts";
import type { Credentials } from "./owner.ts";
import { SILENCE_MS, target } from "./reach.ts";

/** Who connects to which cluster, and how. */
export interface Session {
  readonly credentials: Credentials;
  /** DER of the cluster's CA. */
  readonly ca: Uint8Array;
  readonly reach: Reach;
}

/** A session that learns of further ways on its way. */
export interface Following extends Omit<Session, "reach"> {
  readonly reach: () => Reach;
  /** Is told the members of the control plane, by one of them. */
  readonly learn?: ((directory: ClusterDirectory) => void) | undefined;
}

/** How long one endpoint may take to answer. */
const ENDPOINT_TIMEOUT_MS = 10_000;
/** How long to go on while no endpoint answers at all. */
const PATIENCE_MS = 5_000;
/** How many times longer while one answers, and only the leader is missing. */
const FOR_A_LEADER = 6;
const PAUSE_MS = 250;
/** How long members have to contradict the first of them. */
const AGREE_MS = 2_000;
const STRANGE = "is no member that this context knows";
const LEADERLESS = "the control plane has no leader, are most of its members up?";

/** Nobody is reached who leads, or knows who does. */
export class NoLeaderError extends UserError {
  override readonly name = "NoLeaderError";
  /** Nodes of the cluster answered that this context does not know as members. */
  readonly hasStrangers: boolean;

  constructor(message: string, hasStrangers: boolean) {
    super(message);
    this.hasStrangers = hasStrangers;
  }
}

/**
 * Connects to the leader, whom it finds first.
 *
 * Throws a {@link NoLeaderError} when no endpoint answers, or none knows a leader,
 * with what each of them said.
 */
export async function connectLeader(
  { reach, learn, ...who }: Following,
  patienceMs = PATIENCE_MS,
): Promise<Channel> {
  const dialler = new Dialler({ ...who, reach: reach() });
  const { leader, directory } = await find(dialler, knownOf(reach()), patienceMs);
  if (directory !== undefined) learn?.(directory);
  return leaderChannel({
    known: () => knownOf(reach()),
    dial: (endpoint) => dialler.dial(endpoint),
    locate: async (seed, options) => (await dialler.ask(seed, options)).vote,
    first: leader,
  });
}

/** Connects to one server of the cluster; `see` is told the ID of the node, and may refuse it. */
export function dial(
  { credentials, ca, reach }: Session,
  to: string,
  see: (id: string) => void,
): Channel {
  const verify = (certificate: Uint8Array) => see(verifyNode(certificate, ca).id);
  const { proxy } = reach;
  return connect({
    silenceMs: SILENCE_MS,
    target: to,
    credentials: { ...credentials, verify },
    proxy,
  });
}

/** Refuses any node but one. */
export function expectNode(id: string): (seen: string) => void {
  return (seen) => {
    if (seen !== id) throw new UserError(`expected node ${id}, but ${seen} answered`);
  };
}

function knownOf({ endpoints, members = [], hasEndpoints = false }: Reach): Known {
  const asked = hasEndpoints ? [] : members;
  const all = [
    ...asked.map(({ id, host }) => ({ id, target: target(host) })),
    ...endpoints.map((endpoint) => ({ id: "", target: target(endpoint) })),
  ];
  // An address that is known to be a member's is asked once, and has to be just that member.
  const seeds = new Map(all.toReversed().map((each) => [each.target, each]));
  return { seeds: [...seeds.values()], members: new Set(members.map(({ id }) => id)) };
}

/** What one server says, and whom it knows. */
interface Answer {
  readonly vote: Vote;
  readonly directory: ClusterDirectory | undefined;
}

/** Connections that remember who answered on them. */
class Dialler {
  readonly #session: Session;
  /** Where a node of the cluster has answered, whatever it said. */
  readonly #answered = new Set<string>();

  constructor(session: Session) {
    this.#session = session;
  }

  dial({ target: to, id }: Endpoint, see: (id: string) => void = () => {}): Channel {
    return dial(this.#session, to, (seen) => {
      if (id !== "") expectNode(id)(seen);
      this.#answered.add(to);
      see(seen);
    });
  }

  /** Whether somebody of the cluster answers, leader or not. */
  isAnswered({ target: to }: Endpoint): boolean {
    return this.#answered.has(to);
  }

  /** Where the leader is, as one server knows. */
  async ask(seed: Endpoint, options: CallOptions): Promise<Answer> {
    let by = "";
    using channel = this.dial(seed, (id) => {
      by = id;
    });
    const local = channel.client(CuratorLocal);
    for await (const answer of local.getCurrentLeader({}, options)) {
      const { leaderNodeId: id, leaderHost, leaderPort, directory } = answer;
      // The server may be a name or a forwarded port: when it leads itself it is kept as it is.
      const to = id === by ? seed.target : target(leaderHost, leaderPort);
      return { vote: { by, leader: { id, target: to } }, directory };
    }
    throw new RpcError(Code.unavailable, "the endpoint ended the call without naming a leader");
  }
}

/** The leader, and what those who named it know of the members. */
interface Finding {
  readonly leader: Endpoint;
  readonly directory: ClusterDirectory | undefined;
}

/**
 * Waits until it is known who leads: a member that becomes it closes its port for a moment,
 * and a member that starts knows of none yet. Each is asked on its own, so that one that
 * hangs does not hold up the others.
 */
async function find(dialler: Dialler, known: Known, patienceMs: number): Promise<Finding> {
  const search = new Search(dialler, known, patienceMs);
  try {
    return await Promise.any(known.seeds.map((seed) => search.ask(seed)));
  } catch {
    throw search.failure();
  } finally {
    search.end();
  }
}

class Search {
  readonly #dialler: Dialler;
  readonly #known: Known;
  readonly #patienceMs: number;
  readonly #agreement: Agreement;
  readonly #answers = new Map<string, Answer>();
  readonly #failures = new Map<Endpoint, Attempts>();
  readonly #start = performance.now();
  /** When the first member answered. */
  #heardAt = Number.POSITIVE_INFINITY;
  readonly #stop = new AbortController();

  constructor(dialler: Dialler, known: Known, patienceMs: number) {
    this.#dialler = dialler;
    this.#known = known;
    this.#patienceMs = patienceMs;
    this.#agreement = new Agreement(known);
  }

  end(): void {
    this.#stop.abort();
  }

  /** Asks one server again and again; gives the leader once all that were heard suffice. */
  async ask(seed: Endpoint): Promise<Finding> {
    for (let timeoutMs = this.#leftMs(); timeoutMs > 0; timeoutMs = this.#leftMs()) {
      await this.#once(seed, Math.min(timeoutMs, ENDPOINT_TIMEOUT_MS));
      const found = this.#found();
      if (found !== undefined) return found;
      await sleep(PAUSE_MS, this.#stop.signal);
    }
    throw new RpcError(Code.unavailable, "out of patience");
  }

  async #once(seed: Endpoint, timeoutMs: number): Promise<void> {
    try {
      const answer = await this.#dialler.ask(seed, { signal: this.#stop.signal, timeoutMs });
      const { vote } = answer;
      if (!this.#agreement.hear(vote)) {
        return this.#failed(seed, new UserError(`${vote.by} ${STRANGE}`));
      }
      this.#answers.set(vote.by, answer);
      this.#heardAt = Math.min(this.#heardAt, performance.now());
    } catch (error) {
      this.#failed(seed, error);
    }
  }

  #failed(seed: Endpoint, error: unknown): void {
    const attempts = this.#failures.get(seed) ?? new Attempts();
    attempts.failed(error);
    this.#failures.set(seed, attempts);
  }

  #found(): Finding | undefined {
    const isLate = performance.now() > this.#heardAt + Math.min(AGREE_MS, this.#patienceMs);
    const leader = isLate ? this.#agreement.likely() : this.#agreement.settled();
    if (leader === undefined) return undefined;
    const agreeing = [...this.#answers.values()].filter(({ vote }) => vote.leader.id === leader.id);
    const directory = agreeing.find((answer) => answer.directory !== undefined)?.directory;
    return { leader, directory };
  }

  get #isAnswered(): boolean {
    return this.#known.seeds.some((seed) => this.#dialler.isAnswered(seed));
  }

  #leftMs(): number {
    const limit = this.#isAnswered ? this.#patienceMs * FOR_A_LEADER : this.#patienceMs;
    return this.#start + limit - performance.now();
  }

  #reason(seed: Endpoint): string {
    const failure = this.#failures.get(seed)?.failure;
    return failure instanceof Error ? printable(failure.message) : "no answer";
  }

  /** What went wrong, with what each server said. */
  failure(): NoLeaderError {
    const reasons = this.#known.seeds.map((seed) => this.#reason(seed));
    const texts = this.#known.seeds.map(({ target }, at) => `${target}: ${reasons[at]}`);
    if (this.#answers.size > 0) texts.unshift(printable(this.#agreement.describe()));
    const title = this.#isAnswered ? LEADERLESS : "no endpoint answers";
    const hint = "if all members were replaced, take ownership again to learn the present ones";
    const isStrange = reasons.some((text) => text.includes(STRANGE));
    const text = `${title}: ${texts.join("; ")}${isStrange ? `; ${hint}` : ""}`;
    return new NoLeaderError(text, isStrange);
  }
}
