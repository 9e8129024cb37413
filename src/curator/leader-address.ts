// Where the leader is reached: from the election, the leader's own status, and
// for this node what it knows of itself, which is newer.
import type { Store } from "../base/etcd/etcd.ts";
import type { Value } from "../base/event/event.ts";
import { allAddresses } from "../base/format/reached.ts";
import type { Runnable } from "../base/supervisor/supervisor.ts";
import { followLeader } from "./election.ts";
import type { LeaderAddress } from "./local/get-current-leader.ts";
import type { NodeCache } from "./state/node-cache.ts";

/** The port that every member serves; the leader's status may name another. */
const CURATOR_PORT = 7835;

/** What an address is found in. */
export interface AddressSources {
  readonly self: string;
  readonly store: Store;
  readonly nodes: NodeCache;
  /** The addresses of this node, best first. */
  readonly ownAddresses: Value<readonly string[]>;
}

/** Keeps `address` at where the leader is, undefined while that is not known. */
export function locateLeader(
  sources: AddressSources,
  address: Value<LeaderAddress | undefined>,
): Runnable {
  const { store, nodes, ownAddresses } = sources;
  return async ({ signal, healthy }) => {
    let leader: string | undefined;
    const update = () => {
      const found = leader === undefined ? undefined : locate(sources, leader);
      if (!isSame(found, address.current)) address.set(found);
    };
    address.set(undefined);
    healthy();
    await Promise.all([
      each(followLeader(store, signal), (id) => {
        leader = id;
        update();
      }),
      each(nodes.watch(undefined, signal), update),
      each(ownAddresses.watch(signal), update),
    ]);
  };
}

function locate(
  { self, nodes, ownAddresses }: AddressSources,
  id: string,
): LeaderAddress | undefined {
  const status = nodes.get(id)?.node.status;
  const own = id === self ? (ownAddresses.current ?? []) : [];
  const hosts = own.length > 0 ? own : allAddresses(status);
  const port = status?.runningCurator?.port || CURATOR_PORT;
  // An empty address would be dialled for ever: better none.
  return hosts.length === 0 ? undefined : { id, hosts, port };
}

function isSame(one: LeaderAddress | undefined, other: LeaderAddress | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function each<T>(values: AsyncIterable<T>, act: (value: T) => void): Promise<void> {
  for await (const value of values) act(value);
}
