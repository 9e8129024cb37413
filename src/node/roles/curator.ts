// The curator as a child of the node agent, and the node's way to talk to it alone.
//
//   enrolment ── wanted ──► curator ── process of its own, socket only this node can open
//                             │            │ Open, once the node has credentials
//                             └─ isOpen    ▼
//                                        port 7835, for the network
import { existsSync, rmSync } from "node:fs";
import { sleep, type Value, within } from "../../base/event/event.ts";
import { lineImporter, parseOwn } from "../../base/logtree/logtree.ts";
import { program, roleCommand } from "../../base/process/process.ts";
import { type Channel, Code, connect, RpcError } from "../../base/rpc/rpc.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { CuratorBootstrap } from "../../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import { type Control, type Part, together, whileWanted } from "../control/control.ts";
import type { Credentials } from "../storage/credentials.ts";
import { addressLine, type CuratorSettings, settingsLine } from "./settings.ts";

/** How the curator is run. */
export interface CuratorProgram {
  /** What starts it; default is our own executable in its other role. */
  readonly command?: ReturnType<typeof roleCommand>;
  /** Absent: in our own cgroup. */
  readonly cgroup?: string;
}

/** What the curator needs to hear, and what others hear of it. */
export interface CuratorNews {
  /** Set once the node is a member of its cluster. */
  readonly membership: Value<Credentials>;
  /** The node's addresses, best first. */
  readonly addresses: Value<readonly string[]>;
  /** True while the curator on this node serves the network. */
  readonly isOpen: Value<boolean>;
}

/** How often to look whether the curator answers. */
const PROBE_MS = 50;

/** How long an answer may take while etcd elects a leader. */
const CALL_TIMEOUT_MS = 30_000;

/** A way to the curator's private socket; `using` closes it. */
export function connectCurator({ socket }: CuratorSettings): Channel {
  return connect({ target: `unix:${socket}`, credentials: "plain" });
}

/**
 * Makes a call to the curator, again while it cannot be reached.
 *
 * It may be starting, or waiting for etcd to elect a leader.
 */
export async function persist<R>(signal: AbortSignal, call: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RpcError && error.code === Code.unavailable)) throw error;
    }
    await sleep(PROBE_MS, signal);
  }
}

async function announce(
  settings: CuratorSettings,
  control: Control<CuratorSettings>,
  { signal, healthy }: Context,
) {
  while (!existsSync(settings.socket)) await sleep(PROBE_MS, signal);
  healthy();
  control.running.set(settings);
}

/**
 * Lets the curator serve the network as soon as the node has credentials, and says so; has it
 * read them again whenever there are others.
 */
async function open(settings: CuratorSettings, news: CuratorNews, { log, signal }: Context) {
  for await (const _ of news.membership.watch(signal)) {
    while (!existsSync(settings.socket)) await sleep(PROBE_MS, signal);
    using channel = connectCurator(settings);
    const client = channel.client(CuratorBootstrap);
    await persist(signal, () => client.open({}, { signal, timeoutMs: CALL_TIMEOUT_MS }));
    if (news.isOpen.current === true) continue;
    log.info(`Cluster API is open on port ${settings.listen.port}`);
    news.isOpen.set(true);
  }
}

/** Tells the curator of the node's addresses, now and whenever they change. */
async function tellAddresses(
  addresses: Value<readonly string[]>,
  send: (text: string) => void,
  signal: AbortSignal,
) {
  for await (const next of addresses.watch(signal)) send(addressLine(next));
}

/** The process itself: its settings go in by stdin, its log comes out by stdout. */
async function runProcess(
  settings: CuratorSettings,
  { addresses }: CuratorNews,
  { command = roleCommand("curator"), cgroup }: CuratorProgram,
  context: Context,
): Promise<void> {
  // A socket that a dead one left would look like an answer.
  rmSync(settings.socket, { force: true });
  const { dn, tree } = context;
  const started = Promise.withResolvers<(text: string) => void>();
  const running = program({
    ...command,
    stdin: "pipe",
    signalsHealthy: false,
    onStart: (_, send) => {
      send(settingsLine(settings, { dn, addresses: addresses.current ?? [] }));
      started.resolve(send);
    },
    onStdout: lineImporter(tree, dn, parseOwn),
    ...(cgroup === undefined ? {} : { cgroup }),
  });
  await together(context.signal, [
    (signal) => running({ ...context, signal }),
    async (signal) => tellAddresses(addresses, await within(started.promise, signal), signal),
  ]);
}

/** Runs the curator while enrolment wants it. */
export function curator(
  control: Control<CuratorSettings>,
  news: CuratorNews,
  options: CuratorProgram = {},
): Runnable {
  return whileWanted(control, async (settings, context) => {
    const parts: readonly Part[] = [
      (signal) => runProcess(settings, news, options, { ...context, signal }),
      (signal) => announce(settings, control, { ...context, signal }),
      (signal) => open(settings, news, { ...context, signal }),
    ];
    try {
      await together(context.signal, parts);
    } finally {
      news.isOpen.set(false);
    }
  });
}
