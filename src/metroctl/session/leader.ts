// The way to whoever leads the control plane. Every endpoint is asked at once;
// the channel then follows the leader by itself, also past the endpoints, as the
// members that a cluster told of earlier are asked too.
import { sleep } from "../../base/event/event.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import {
  type CallOptions,
  type Channel,
  Code,
  connect,
  leaderChannel,
  RpcError,
} from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { UserError } from "../output/user-error.ts";
import type { Reach } from "./context.ts";
import type { Credentials } from "./owner.ts";
import { target } from "./reach.ts";

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
}

/** How long one endpoint may take to answer. */
const ENDPOINT_TIMEOUT_MS = 10_000;
/** How long to go on while no endpoint answers at all. */
const PATIENCE_MS = 5_000;
/** How many times longer while one answers, and only the leader is missing. */
const FOR_A_LEADER = 6;
const PAUSE_MS = 250;
/** An answer that is younger is not asked for twice. */
const FRESH_MS = 1_000;
const LEADERLESS = "the control plane has no leader, are most of its members up?";

/**
 * Connects to the leader, whom it finds first.
 *
 * Throws a {@link UserError} when no endpoint answers, or none knows a leader,
 * with what each of them said.
 */
export async function connectLeader(
  { reach, ...who }: Following,
  patienceMs = PATIENCE_MS,
): Promise<Channel> {
  const dialler = new Dialler({ ...who, reach: reach() });
  const channel = leaderChannel({
    seeds: () => seeds(reach()),
    dial: (to) => dialler.dial(to),
    locate: (server, options) => dialler.locate(server, options),
  });
  await find(dialler, reach(), patienceMs);
  return channel;
}

/** Connects to one server of the cluster; `see` is told the ID of the node, and may refuse it. */
export function dial(
  { credentials, ca, reach }: Session,
  to: string,
  see: (id: string) => void,
): Channel {
  const verify = (certificate: Uint8Array) => see(verifyNode(certificate, ca).id);
  return connect({ target: to, credentials: { ...credentials, verify }, proxy: reach.proxy });
}

/** Refuses any node but one. */
export function expectNode(id: string): (seen: string) => void {
  return (seen) => {
    if (seen !== id) throw new UserError(`expected node ${id}, but ${seen} answered`);
  };
}

function seeds({ endpoints, members = [] }: Reach): readonly string[] {
  return [...new Set([...endpoints, ...members].map((host) => target(host)))];
}

/** Connections that remember who answered on them. */
class Dialler {
  readonly #session: Session;
  readonly #servers = new WeakMap<Channel, { readonly to: string; id: string }>();
  /** Where leaders are said to be, and who is to answer there. */
  readonly #leaders = new Map<string, string>();
  /** What was found a moment ago, so that it need not be asked again at once. */
  #found = { to: "", time: Number.NEGATIVE_INFINITY };

  constructor(session: Session) {
    this.#session = session;
  }

  dial(to: string): Channel {
    const server = { to, id: "" };
    const wanted = this.#leaders.get(to);
    const channel = dial(this.#session, to, (id) => {
      if (wanted !== undefined) expectNode(wanted)(id);
      server.id = id;
    });
    this.#servers.set(channel, server);
    return channel;
  }

  /** Whether somebody of the cluster answers, leader or not. */
  isAnswered(channel: Channel): boolean {
    return this.#servers.get(channel)?.id !== "";
  }

  /** Where the leader is, as one server knows. */
  async locate(channel: Channel, options: CallOptions): Promise<string> {
    const { to, time } = this.#found;
    return performance.now() - time < FRESH_MS ? to : this.#ask(channel, options);
  }

  /** Finds out where the leader is, and remembers it for a moment. */
  async find(channel: Channel, options: CallOptions): Promise<void> {
    const to = await this.#ask(channel, options);
    this.#found = { to, time: performance.now() };
  }

  async #ask(channel: Channel, options: CallOptions): Promise<string> {
    for await (const leader of channel.client(CuratorLocal).getCurrentLeader({}, options)) {
      const { to, id } = this.#servers.get(channel) ?? { to: "", id: "" };
      // The server may be a name or a forwarded port: when it leads itself it is kept as it is.
      if (leader.leaderNodeId === id) return to;
      const there = target(leader.leaderHost, leader.leaderPort);
      this.#leaders.set(there, leader.leaderNodeId);
      return there;
    }
    throw new RpcError(Code.unavailable, "the endpoint ended the call without naming a leader");
  }
}

/**
 * Waits until an endpoint knows the leader: a member that becomes it closes its
 * port for a moment, and a member that starts knows none yet. Each is asked on
 * its own, so that one that hangs does not hold up the others.
 */
async function find(dialler: Dialler, reach: Reach, patienceMs: number): Promise<void> {
  const start = performance.now();
  const stop = new AbortController();
  const failures = new Map<string, Failure>();
  const isAnswered = () => [...failures.values()].some((failure) => failure.isAnswered);
  const leftMs = () => {
    const limit = isAnswered() ? patienceMs * FOR_A_LEADER : patienceMs;
    return start + limit - performance.now();
  };
  const servers = seeds(reach);
  try {
    await Promise.any(
      servers.map(async (server) => {
        for (let timeoutMs = leftMs(); timeoutMs > 0; timeoutMs = leftMs()) {
          const failure = await ask(dialler, server, { signal: stop.signal, timeoutMs });
          if (failure === undefined) return;
          // The last moment is too short for anybody: what was answered before says more.
          if (failure.isAnswered || !failures.get(server)?.isAnswered)
            failures.set(server, failure);
          await sleep(PAUSE_MS, stop.signal);
        }
        throw new RpcError(Code.unavailable, "out of patience");
      }),
    );
  } catch {
    const texts = servers.map(
      (server) => `${server}: ${failures.get(server)?.text ?? "no answer"}`,
    );
    const title = isAnswered() ? LEADERLESS : "no endpoint answers";
    throw new UserError(`${title}: ${texts.join("; ")}`);
  } finally {
    stop.abort();
  }
}

interface Failure {
  readonly text: string;
  /** Whether it was a member of the cluster that failed to answer. */
  readonly isAnswered: boolean;
}

/** How one server failed to name the leader; nothing when it did. */
async function ask(
  dialler: Dialler,
  server: string,
  { signal, timeoutMs = ENDPOINT_TIMEOUT_MS }: CallOptions,
): Promise<Failure | undefined> {
  using channel = dialler.dial(server);
  try {
    await dialler.find(channel, { signal, timeoutMs: Math.min(timeoutMs, ENDPOINT_TIMEOUT_MS) });
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { text, isAnswered: dialler.isAnswered(channel) };
  }
}
