// Whether the leader is alive, as a follower sees it: it is asked at its port, again and
// again. One that is killed, stands still or is cut off is replaced within about a second,
// where its lease alone would take several.
//
// What is slow is not dead: patience grows with how long answers took lately, and counts
// questions, not time, so that a follower that stood still itself does not blame the leader.
//
// A leader that was never heard may be well, and elsewhere than its last status says: it has to
// lead for a while before it can tell. So each in a row gets more time for that than the one
// before; otherwise nobody would ever lead where all have moved and everything is slow. One that
// is dead loses its lease.
import { sleep } from "../base/event/event.ts";
import { joinHostPort } from "../base/format/host-port.ts";
import { allAddresses, nearest } from "../base/format/reached.ts";
import { slowness } from "../base/linux/machine.ts";
import { verifyNode } from "../base/pki/verify.ts";
import { Code, connect, RpcError } from "../base/rpc/rpc.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { readCredentials } from "./credentials.ts";
import type { CredentialFiles } from "./settings.ts";
import type { NodeCache } from "./state/node-cache.ts";

/** Asks the leader something; throws when it does not answer in time. */
export type Probe = (timeoutMs: number, signal: AbortSignal) => Promise<void>;

/** How the leader is judged, in milliseconds. */
export interface ProbeTiming {
  /** Between two questions. */
  readonly pauseMs: number;
  /** The least that an answer may take. */
  readonly patienceMs: number;
  /** How many questions in a row must stay without an answer. */
  readonly misses: number;
  /** How long a new leader may take to answer for the first time. */
  readonly grace: Grace;
}

const LONGEST_GRACE_MS = 30_000;

/** How long a leader may go unheard at first: ever longer, until one is heard. */
export class Grace {
  readonly #firstMs: number;
  #ms: number;

  constructor(firstMs: number) {
    this.#firstMs = firstMs;
    this.#ms = firstMs;
  }

  /** In milliseconds. */
  get ms(): number {
    return this.#ms;
  }

  /** A leader has answered. */
  heard(): void {
    this.#ms = this.#firstMs;
  }

  /** One was taken for dead that never had. */
  unheard(): void {
    this.#ms = Math.max(this.#ms, Math.min(2 * this.#ms, LONGEST_GRACE_MS));
  }
}

function usualTiming(): ProbeTiming {
  const factor = slowness();
  const timing = { pauseMs: 250, patienceMs: 300, graceMs: 1_500 };
  return {
    pauseMs: timing.pauseMs * factor,
    patienceMs: timing.patienceMs * factor,
    grace: new Grace(timing.graceMs * factor),
    misses: 3,
  };
}

/** How many times longer than the slowest of the last answers one may take. */
const SLACK = 8;
const REMEMBERED = 20;
/** Codes of calls that nobody has answered. */
const SILENT: readonly Code[] = [Code.unavailable, Code.deadlineExceeded, Code.cancelled];
/** How often to look for what is not known yet. */
const LOOK_MS = 500;

/** Resolves once the leader behind `probe` is taken for dead. */
export async function untilDead(
  probe: Probe,
  signal: AbortSignal,
  { pauseMs, patienceMs, misses, grace }: ProbeTiming,
): Promise<void> {
  const durations: number[] = [];
  const start = performance.now();
  for (let missed = 0; missed < misses; await sleep(missed > 0 ? pauseMs / 5 : pauseMs, signal)) {
    const asked = performance.now();
    const limit = Math.max(patienceMs, SLACK * Math.max(0, ...durations));
    if (await answers(probe, limit, signal)) {
      missed = 0;
      grace.heard();
      durations.push(performance.now() - asked);
      if (durations.length > REMEMBERED) durations.shift();
    } else if (durations.length > 0 || performance.now() - start > grace.ms) {
      missed += 1;
    }
  }
  if (durations.length === 0) grace.unheard();
}

async function answers(probe: Probe, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const tooLate = async () => {
    await sleep(timeoutMs, either);
    return false;
  };
  try {
    return await Promise.race([probe(timeoutMs, either).then(() => true), tooLate()]);
  } catch {
    signal.throwIfAborted();
    return false;
  } finally {
    over.abort();
  }
}

/** Where the leader is found, and what it must prove. */
export interface ProbeSources {
  /** The ID of this node, which dials by a family that it has itself. */
  readonly self: string;
  readonly nodes: NodeCache;
  /** Of this node. */
  readonly credentials: CredentialFiles;
  /** The port of every member; the leader's status may name another. */
  readonly port: number;
}

/** Resolves once the leader on a node is taken for dead. */
export type LeaderProbe = (id: string, signal: AbortSignal) => Promise<void>;

/** Watches leaders, one after the other, each as soon as it is known where it is. */
export function leaderProbe(sources: ProbeSources, timing = usualTiming()): LeaderProbe {
  return (id, signal) => leaderDead(sources, id, timing, signal);
}

async function leaderDead(
  sources: ProbeSources,
  id: string,
  timing: ProbeTiming,
  signal: AbortSignal,
): Promise<void> {
  let target = await eventually(signal, async () => address(sources, id));
  const { ca, keyPem, certificatePem } = await eventually(signal, () =>
    readCredentials(sources.credentials).catch(nothing),
  );
  // One whose certificate has ended is alive, and is the one who issues the next.
  const verify = (der: Uint8Array) => void verifyNode(der, ca, { id, atAnyTime: true });
  // As a member: strangers have to share what the leader has to spare for them.
  const dial = () => connect({ target, credentials: { keyPem, certificatePem, verify } });
  let channel = dial();
  const renew = () => {
    // One that failed would wait before it connects again, and speak for nobody meanwhile.
    channel.close();
    // By now it may have said that it is elsewhere.
    target = address(sources, id) ?? target;
    channel = dial();
  };
  try {
    await untilDead(
      async (timeoutMs, probing) => {
        try {
          await channel.client(Health).check({}, { timeoutMs, signal: probing });
        } catch (error) {
          // Whoever refuses is alive.
          if (error instanceof RpcError && !SILENT.includes(error.code)) return;
          renew();
          throw error;
        }
      },
      signal,
      timing,
    );
  } finally {
    channel.close();
  }
}

function address({ nodes, self, port: usualPort }: ProbeSources, id: string): string | undefined {
  const { status } = nodes.get(id)?.node ?? {};
  const own = allAddresses(nodes.get(self)?.node.status);
  const host = nearest(allAddresses(status), own);
  if (host === undefined) return undefined;
  return joinHostPort(host, status?.runningCurator?.port || usualPort);
}

function nothing(): undefined {}

/** Looks again until there is something. */
async function eventually<T>(signal: AbortSignal, look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(LOOK_MS, signal);
  }
}
