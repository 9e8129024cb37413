// The curator: the member of the control plane that runs beside etcd. It elects
// a leader among its kind, and the leader serves the Cluster API.
//
//   stdin ── settings ──┐                             ┌── local-server: the node's socket
//                       ▼                             │
//   etcd ◄─► election, nodes (cache), leader address ─┼── listener: port 7835
//                       │                             │
//   stdout ◄── log ─────┘                             └── leader: AAA, Management, Curator
//                                                         every member: CuratorLocal
//
// It ends with its standard input: a curator without its node has no business.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { etcdMembers, etcdStore } from "../base/etcd/etcd.ts";
import { Value } from "../base/event/event.ts";
import { forbidDumps } from "../base/linux/prctl.ts";
import { encodeEntry, LogTree } from "../base/logtree/logtree.ts";
import { connect } from "../base/rpc/rpc.ts";
import { type Runnable, Supervisor } from "../base/supervisor/supervisor.ts";
import { member } from "./member.ts";
import { parseAddressChange, parseSettings, type Settings, SettingsError } from "./settings.ts";
import { etcdConsensus, PKI_NAMESPACE } from "./state/consensus.ts";

/** Everything of the control plane lies below it in etcd. */
const NAMESPACE = "namespaced:curator/";
/** How long an orderly end may take, such as giving back the leadership. */
const END_MS = 3_000;

/** The life of the curator process. */
export async function main(): Promise<void> {
  process.umask(0o077);
  forbidDumps();
  const tree = new LogTree();
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) throw new SettingsError("no settings on the standard input");
  const settings = parseSettings(first.value);
  void printLog(tree);
  const ownAddresses = new Value(settings.addresses);
  const supervisor = new Supervisor(curator(settings, ownAddresses), { tree, rootDn: settings.dn });
  supervisor.start();
  await Promise.race([takeChanges(lines, ownAddresses), once(process, "SIGTERM")]);
  // Gives back the leadership, so that another member need not wait for its end.
  await supervisor.stop(END_MS);
  process.exit(0);
}

/** Returns when the node closes our standard input, or is gone. */
async function takeChanges(
  lines: AsyncIterator<string>,
  ownAddresses: Value<readonly string[]>,
): Promise<void> {
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    ownAddresses.set(parseAddressChange(line).addresses);
  }
}

async function printLog(tree: LogTree): Promise<void> {
  const { backlog, stream } = tree.read({
    dn: "",
    withChildren: true,
    backlog: "all",
    stream: true,
  });
  for (const entry of backlog) process.stdout.write(`${encodeEntry(entry)}\n`);
  for await (const entry of stream) process.stdout.write(`${encodeEntry(entry)}\n`);
}

/** The member of the control plane that `settings` describe, connected to its etcd. */
export function curator(settings: Settings, ownAddresses: Value<readonly string[]>): Runnable {
  return async (context) => {
    using channel = connect({ target: `unix:${settings.etcdSocket}`, credentials: "plain" });
    const store = etcdStore(channel, NAMESPACE);
    const consensus = etcdConsensus(etcdMembers(channel), etcdStore(channel, PKI_NAMESPACE));
    await member({ settings, store, consensus, ownAddresses })(context);
  };
}
