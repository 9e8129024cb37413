// The node's member of etcd, which keeps the state of the cluster: a program under
// supervision, started when enrolment asks for it and followed by whoever needs it.
//
//   enrolment ── wanted ──► consensus ── etcd
//                               └────── running ──► enrolment, roles
import { sleep } from "../../base/event/event.ts";
import { lineImporter, parseZap } from "../../base/logtree/logtree.ts";
import { program } from "../../base/process/process.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { type Control, together, whileWanted } from "../control.ts";
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
  control: Control<Member>,
  { signal, log, healthy }: Context,
): Promise<void> {
  while (!(await isHealthy(member.ports.metrics, signal))) await sleep(PROBE_MS, signal);
  log.info(`etcd answers at ${clientEndpoint(member)}`);
  healthy();
  control.running.set(member);
}

/** Runs etcd while enrolment wants it. */
export function consensus(control: Control<Member>, etcd: EtcdProgram): Runnable {
  const { owner, cgroup } = etcd;
  return whileWanted(control, (member, context) => {
    const running = program({
      argv: [etcd.path, ...etcdArguments(member)],
      onStderr: lineImporter(context.tree, context.dn, parseZap),
      graceMs: GRACE_MS,
      signalsHealthy: false,
      ...(owner === undefined ? {} : owner),
      ...(cgroup === undefined ? {} : { cgroup }),
    });
    return together(context.signal, [
      (signal) => running({ ...context, signal }),
      (signal) => announce(member, control, { ...context, signal }),
    ]);
  });
}
