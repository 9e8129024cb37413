// The node's member of etcd, which keeps the state of the cluster: a program under
// supervision, started when enrolment asks for it and followed by whoever needs it.
//
//   enrolment ── wanted ──► consensus ── etcd
//                               └────── running ──► enrolment, roles
import { sleep, Value } from "../../base/event/event.ts";
import { lineImporter, parseZap } from "../../base/logtree/logtree.ts";
import { program } from "../../base/process/process.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { clientEndpoint, etcdArguments, type Member } from "./config.ts";
import type { Owner } from "./pki.ts";

/** The program and what it runs as. */
export interface EtcdProgram {
  /** Its path. */
  readonly path: string;
  /** Absent: as ourselves. */
  readonly owner?: Owner;
  /** Absent: in our own cgroup. */
  readonly cgroup?: string;
}

/** How often to ask etcd whether it is ready; it mostly is within a second. */
const PROBE_MS = 100;

/** etcd wants to hand over to another member before it ends. */
const GRACE_MS = 10_000;

/** Wishes and news of etcd. */
export class ConsensusControl {
  /** The member that should run; null: none. */
  readonly wanted = new Value<Member | null>(null);
  /** The member that runs and answers; null: none. */
  readonly running = new Value<Member | null>(null);

  /** Asks for a member and waits until it answers. */
  async start(member: Member, signal: AbortSignal): Promise<void> {
    this.wanted.set(member);
    await this.running.first(signal, (running) => running === member);
  }

  /** Asks for none and waits until it has ended. */
  async stop(signal: AbortSignal): Promise<void> {
    this.wanted.set(null);
    await this.running.first(signal, (running) => running === null);
  }
}

async function isHealthy(metricsPort: number, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/health`, { signal });
    return answer.ok;
  } catch (error) {
    // Not listening yet. An abort is noticed by the wait that follows.
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Says that the member runs, once it answers. */
async function announce(
  member: Member,
  control: ConsensusControl,
  { signal, log, healthy }: Context,
): Promise<void> {
  while (!(await isHealthy(member.ports.metrics, signal))) await sleep(PROBE_MS, signal);
  log.info(`etcd answers at ${clientEndpoint(member)}`);
  healthy();
  control.running.set(member);
}

/** Throws when another member is wanted than the one that runs. */
async function untilUnwanted(member: Member, control: ConsensusControl, signal: AbortSignal) {
  await control.wanted.first(signal, (wanted) => wanted !== member);
  throw new UnwantedError(`member ${member.nodeId} is no longer wanted`);
}

/** Not a failure: enrolment starts over. */
class UnwantedError extends Error {
  override readonly name = "UnwantedError";
}

/** Runs etcd while enrolment wants it. */
export function consensus(control: ConsensusControl, etcd: EtcdProgram): Runnable {
  return async (context) => {
    context.log.info("Waiting for enrolment");
    const member = await control.wanted.first(context.signal, (wanted) => wanted !== null);
    if (member === null) return;
    const ended = new AbortController();
    const signal = AbortSignal.any([context.signal, ended.signal]);
    const inner: Context = { ...context, signal };
    const { owner, cgroup } = etcd;
    const runnable = program({
      argv: [etcd.path, ...etcdArguments(member)],
      onStderr: lineImporter(context.tree, context.dn, parseZap),
      signalsHealthy: false,
      graceMs: GRACE_MS,
      ...(owner === undefined ? {} : owner),
      ...(cgroup === undefined ? {} : { cgroup }),
    });
    const running = runnable(inner);
    try {
      await Promise.race([
        running,
        untilUnwanted(member, control, signal),
        announce(member, control, inner).then(() => running),
      ]);
    } finally {
      ended.abort(new UnwantedError(`member ${member.nodeId} was ended`));
      await Promise.allSettled([running]);
      control.running.set(null);
    }
  };
}
