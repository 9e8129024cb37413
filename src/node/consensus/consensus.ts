// The node's member of etcd, which keeps the state of the cluster: a program under
// supervision, started when enrolment asks for it and followed by whoever needs it.
//
//   enrolment ── wanted ──► consensus ── etcd
//                               └────── running ──► enrolment, roles
import { lineImporter, parseZap } from "../../base/logtree/logtree.ts";
import { program } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { type Control, whileWanted } from "../control/control.ts";
import { clientEndpoint, etcdArguments, type Member } from "./config.ts";
import type { Owner } from "./pki.ts";

/** The program and what it runs as. */
export interface EtcdProgram {
  /** Its path. */
  readonly path: string;
  /** Whom its files belong to; absent: us. */
  readonly owner?: Owner;
  /** Absent: in our own cgroup. */
  readonly cgroup?: string;
  /** After how long without its leader another is elected; absent: as etcd takes it. */
  readonly electionMs?: number;
  /**
   * Resolves when nobody needs etcd any more; when all is stopped at once, it lives so long.
   * Must not take for ever.
   */
  readonly unused?: () => Promise<void>;
}

/** etcd wants to hand over to another member before it ends. */
const GRACE_MS = 10_000;

/**
 * True for the line by which etcd says that it serves clients. Asked for its health before it
 * has elected a leader, it would warn of each question.
 */
function isReady(line: string): boolean {
  return line.includes('"msg":"ready to serve client requests"');
}

/** A signal that aborts with another one, but only once nobody needs etcd any more. */
function lateSignal(signal: AbortSignal, unused: () => Promise<void>): AbortSignal {
  const late = new AbortController();
  const abort = () => void unused().finally(() => late.abort(signal.reason));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return late.signal;
}

/** Runs etcd while enrolment wants it. */
export function consensus(control: Control<Member>, etcd: EtcdProgram): Runnable {
  const { cgroup, unused = async () => {} } = etcd;
  return whileWanted(control, (member, context) => {
    const { tree, dn, log, healthy } = context;
    const importLine = lineImporter(tree, dn, parseZap);
    const announce = () => {
      log.info(`etcd answers at ${clientEndpoint(member)}`);
      healthy();
      control.running.set(member);
    };
    const running = program({
      argv: [etcd.path, ...etcdArguments(member, etcd.electionMs)],
      onStderr: (line) => {
        importLine(line);
        if (isReady(line)) announce();
      },
      graceMs: GRACE_MS,
      signalsHealthy: false,
      ...(cgroup === undefined ? {} : { cgroup }),
    });
    return running({ ...context, signal: lateSignal(context.signal, unused) });
  });
}
