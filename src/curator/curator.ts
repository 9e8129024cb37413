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
import { createInterface } from "node:readline";
import { etcdMembers, etcdStore, follow, type Store } from "../base/etcd/etcd.ts";
import { Value, within } from "../base/event/event.ts";
import { encodeEntry, LogTree } from "../base/logtree/logtree.ts";
import { type Channel, connect } from "../base/rpc/rpc.ts";
import { type Runnable, Supervisor } from "../base/supervisor/supervisor.ts";
import { etcdTls, readCredentials } from "./credentials.ts";
import { elect } from "./election.ts";
import { locateLeader } from "./leader-address.ts";
import { listener } from "./listener.ts";
import type { LeaderAddress } from "./local/get-current-leader.ts";
import { localServer } from "./local-server.ts";
import { parseAddressChange, parseSettings, type Settings, SettingsError } from "./settings.ts";
import { keys } from "./state/keys.ts";
import type { Leader } from "./state/leader.ts";
import { NodeCache } from "./state/node-cache.ts";

/** Everything of the control plane lies below it in etcd. */
const NAMESPACE = "namespaced:curator/";
const LEADER_TTL_SECONDS = 5;
/** How long an orderly end may take, such as giving back the leadership. */
const END_MS = 3_000;

/** The life of the curator process. */
export async function main(): Promise<void> {
  process.umask(0o077);
  const tree = new LogTree();
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) throw new SettingsError("no settings on the standard input");
  const settings = parseSettings(first.value);
  void printLog(tree);
  const ownAddress = new Value(settings.externalAddress);
  const supervisor = new Supervisor(curator(settings, ownAddress), { tree, rootDn: settings.dn });
  supervisor.start();
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    ownAddress.set(parseAddressChange(line).externalAddress);
  }
  await supervisor.stop(END_MS);
  process.exit(0);
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

/** A member of the control plane, over an etcd. */
export function curator(settings: Settings, ownAddress: Value<string>): Runnable {
  return async ({ run, healthy, signal }) => {
    const { nodeId: self, etcd, leaderTtlSeconds = LEADER_TTL_SECONDS } = settings;
    const credentials = etcdTls(await readCredentials(etcd.credentials), self);
    using channel: Channel = connect({ target: etcd.endpoint, credentials });
    const store = etcdStore(channel, NAMESPACE);
    const members = etcdMembers(channel).list;
    const nodes = new NodeCache();
    const leading = new Value<Leader | undefined>();
    const address = new Value<LeaderAddress | undefined>();
    const opened = new Value(settings.open);
    const port = new Value<number | undefined>();
    run("nodes", followNodes(store, nodes));
    run("election", elect({ self, store, nodes, members, ttlSeconds: leaderTtlSeconds }, leading));
    run("address", locateLeader({ self, store, nodes, ownAddress }, address));
    run("local", localServer({ ...settings, self, leading, opened, port }));
    run("listener", listener({ ...settings, self, store, nodes, address, leading }, opened, port));
    healthy();
    await within(Promise.withResolvers<never>().promise, signal);
  };
}

function followNodes(store: Store, nodes: NodeCache): Runnable {
  return async ({ signal, healthy }) => {
    let isFirst = true;
    for await (const update of follow(store, keys.nodes, signal)) {
      if (update.kind === "list") nodes.reset(update);
      else nodes.apply(update);
      if (isFirst) healthy();
      isFirst = false;
    }
  };
}
