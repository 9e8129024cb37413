// The way to the leader for a consensus member: not whom others name, but whom the etcd on
// this node says was elected. Nobody gets into that who is no member of etcd himself, so what
// members alone are told, such as the epochs of the recovery key, comes from no one else.
import { fromBinary } from "@bufbuild/protobuf";
import { etcdStore, leaderOf } from "../../base/etcd/etcd.ts";
import { sleep, type Value } from "../../base/event/event.ts";
import { joinHostPort } from "../../base/format/host-port.ts";
import { nearest } from "../../base/format/reached.ts";
import {
  type Channel,
  Code,
  connect,
  type Endpoint,
  leaderChannel,
  RpcError,
  type Vote,
} from "../../base/rpc/rpc.ts";
import { LeaderElectionValueSchema } from "../../gen/metropolis/node/core/curator/proto/private/lock_pb.ts";
import type { Member } from "../consensus/config.ts";
import { connectEtcd } from "../consensus/connection.ts";
import type { Control } from "../control/control.ts";
import type { Credentials } from "../storage/credentials.ts";
import { LOCAL_CURATOR, leaderTiming, memberTls, present, readDirectory } from "./connection.ts";
import { CURATOR_PORT } from "./settings.ts";

/** Where curators stand for election. */
const CURATOR_NAMESPACE = "namespaced:curator/";
const CANDIDATES = "/leader/";

/** What the leader is found in. */
export interface ElectedOptions {
  readonly membership: Value<Credentials>;
  readonly consensus: Control<Member>;
  /** The directory on the ESP: where members are. */
  readonly directory: string;
  /** The node's own addresses: it dials by a family that is among them. */
  readonly addresses: Value<readonly string[]>;
  /** The curator on this node; absent: that of a machine. */
  readonly local?: string;
}

const PAUSE_MS = 200;

/**
 * Does something with the leader that this node's own etcd names, and begins it again while
 * there is none: a member that starts has to wait for its etcd, and that for the others.
 */
export async function withElected(
  options: ElectedOptions,
  signal: AbortSignal,
  work: (leader: Channel) => Promise<void>,
): Promise<void> {
  using channel = connectElected(options);
  for (;;) {
    await options.consensus.running.first(signal, (member) => member !== null);
    try {
      return await work(channel);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RpcError && error.code === Code.unavailable)) throw error;
    }
    await sleep(PAUSE_MS, signal);
  }
}

/** Connects to the leader that this node's own etcd names. */
export function connectElected(options: ElectedOptions): Channel {
  const { membership, consensus } = options;
  const seed = () => ({ id: present(membership).nodeId, target: "the etcd of this node" });
  return leaderChannel({
    known: () => ({ seeds: [seed()], members: new Set(), own: seed().id }),
    dial: ({ id, target }) => connect({ target, credentials: memberTls(present(membership), id) }),
    locate: async ({ id: by }): Promise<Vote> => {
      const member = consensus.running.current ?? undefined;
      if (member === undefined) throw new RpcError(Code.unavailable, "etcd does not run here yet");
      return { by, leader: endpoint(await electedLeader(member), by, options) };
    },
    timing: leaderTiming(),
  });
}

/** The node that the etcd of a member says leads the control plane. */
async function electedLeader(member: Member): Promise<string> {
  using channel = await connectEtcd(member);
  const store = etcdStore(channel, CURATOR_NAMESPACE);
  // A learner has no other reads; and whom a member sees that is cut off did lead once.
  const leader = leaderOf((await store.range(CANDIDATES, { isLocal: true })).items);
  if (leader === undefined) throw new RpcError(Code.unavailable, "nobody was elected yet");
  return fromBinary(LeaderElectionValueSchema, leader.value).nodeId;
}

function endpoint(
  id: string,
  self: string,
  { directory, addresses, local }: ElectedOptions,
): Endpoint {
  if (id === self) return { id, target: local ?? LOCAL_CURATOR };
  const entry = readDirectory(directory)?.nodes.find((each) => each.id === id);
  const hosts = (entry?.addresses ?? []).map((each) => each.host).filter((host) => host !== "");
  const host = nearest(hosts, addresses.current ?? []);
  if (host === undefined)
    throw new RpcError(Code.unavailable, `the address of ${id} is not known yet`);
  return { id, target: joinHostPort(host, CURATOR_PORT) };
}
