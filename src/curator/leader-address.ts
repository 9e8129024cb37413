// Where the leader is reached: from the election, the leader's own status, and
// for this node what it knows of itself, which is newer.
import type { Store } from "../base/etcd/etcd.ts";
import type { Value } from "../base/event/event.ts";
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
  /** The address of this node; empty while it has none. */
  readonly ownAddress: Value<string>;
}

/** Keeps `address` at where the leader is, undefined while that is not known. */
export function locateLeader(
  sources: AddressSources,
  address: Value<LeaderAddress | undefined>,
): Runnable {
  const { store, nodes, ownAddress } = sources;
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
      each(ownAddress.watch(signal), update),
    ]);
  };
}

function locate(
  { self, nodes, ownAddress }: AddressSources,
  id: string,
): LeaderAddress | undefined {
  const status = nodes.get(id)?.node.status;
  const own = id === self ? ownAddress.current : undefined;
  const host = own || status?.externalAddress || "";
  const port = status?.runningCurator?.port || CURATOR_PORT;
  // An empty address would be dialled for ever: better none.
  return host === "" ? undefined : { id, host, port };
}

function isSame(one: LeaderAddress | undefined, other: LeaderAddress | undefined): boolean {
  return one?.id === other?.id && one?.host === other?.host && one?.port === other?.port;
}

async function each<T>(values: AsyncIterable<T>, act: (value: T) => void): Promise<void> {
  for await (const value of values) act(value);
}
