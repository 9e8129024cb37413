// The node's member of etcd, which keeps the state of the cluster: a program under
// supervision, started when enrolment asks for it and followed by whoever needs it.
//
//   enrolment ── wanted ──► consensus ── etcd
//                               └────── running ──► enrolment, roles
import { sleep, Value } from "../../base/event/event.ts";
import { setSocketMode } from "../../base/linux/socket-mode.ts";
import { lineImporter } from "../../base/logtree/logtree.ts";
import { ExitError, program } from "../../base/process/process.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { type Control, whileWanted } from "../control/control.ts";
import { clientEndpoint, etcdArguments, type Member } from "./config.ts";
import type { Owner } from "./pki.ts";
import { parseEtcd, type StartFailure, Starts } from "./starts.ts";

export type { StartFailure } from "./starts.ts";

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

/** For the group of the folder that it is in, which is the curator's. */
const SOCKET_MODE = 0o660;

/** Between an end with a reason and the next start; each pause in a row is twice as long. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/**
 * True for the line by which etcd says that it serves clients, once for each of its ports. Asked
 * for its health before it has elected a leader, it would warn of each question.
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

/**
 * Runs etcd while enrolment wants it. `failure` tells why it cannot run, for as long as that is so:
 * once etcd has given up a few times, with reasons, it is tried again without a word.
 */
export function consensus(
  control: Control<Member>,
  etcd: EtcdProgram,
  failure = new Value<StartFailure | null>(null),
): Runnable {
  return whileWanted(control, async (member, context) => {
    const starts = new Starts(failure, context.log);
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await runEtcd(member, etcd, { control, starts }, context);
      } catch (error) {
        context.signal.throwIfAborted();
        if (!(error instanceof ExitError) || !starts.ended()) throw error;
        control.running.set(null);
      }
      await sleep(pauseMs, context.signal);
    }
  });
}

interface Watched {
  readonly control: Control<Member>;
  readonly starts: Starts;
}

/** Runs it once. */
function runEtcd(
  member: Member,
  etcd: EtcdProgram,
  { control, starts }: Watched,
  context: Context,
): Promise<void> {
  const { cgroup, unused = async () => {} } = etcd;
  const { tree, dn, log, healthy } = context;
  const importLine = lineImporter(tree, dn, parseEtcd);
  let isServing = false;
  const announce = () => {
    if (isServing) return;
    isServing = true;
    // As etcd makes it, nobody but etcd itself could connect.
    setSocketMode(member.socket, SOCKET_MODE);
    log.info(`etcd answers at ${clientEndpoint(member)}`);
    healthy();
    starts.serves();
    control.running.set(member);
  };
  starts.begin();
  const running = program({
    argv: [etcd.path, ...etcdArguments(member, etcd.electionMs)],
    onStderr: (line) => {
      importLine(line);
      starts.hear(line);
      if (isReady(line)) announce();
    },
    graceMs: GRACE_MS,
    signalsHealthy: false,
    ...(cgroup === undefined ? {} : { cgroup }),
  });
  return running({ ...context, signal: lateSignal(context.signal, unused) });
}
