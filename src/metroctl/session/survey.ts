// What the members of the control plane know themselves, for as long as nobody leads who could
// tell of all of them. Each is asked at the port that every node serves while it is open, and at
// the one that is served by nodes that are locked.
import { selfSignedKey } from "../../base/pki/verify.ts";
import { Code, connect, NoConnectionError, RpcError } from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { NodeManagement } from "../../gen/metropolis/proto/api/management_pb.ts";
import { printable } from "../output/printable.ts";
import { UserError } from "../output/user-error.ts";
import type { Reach } from "./context.ts";
import { hostOf } from "./endpoint.ts";
import { dial, expectNode, type Session } from "./leader.ts";
import { NODE_MANAGEMENT_PORT } from "./node-channel.ts";
import { CURATOR_PORT, SILENCE_MS, target } from "./reach.ts";
import { RECOVERY_PORT } from "./recover.ts";

/** A machine that is busy coming up answers late. */
const ANSWER_MS = 10_000;

/** What is found of one member. */
export interface Member {
  /** Empty where the context knows an endpoint only. */
  readonly id: string;
  /** Where it was found, or else looked for. */
  readonly host: string;
  /** `failing` is a node that is up, and cannot run its member of consensus. */
  readonly state: "up" | "failing" | "locked" | "silent";
  /** In sentences; of a silent one why it was not reached. */
  readonly troubles: readonly string[];
}

/** Where nodes are asked. */
interface Ports {
  readonly api: number;
  readonly node: number;
  readonly recovery: number;
}

const usualPorts: Ports = {
  api: CURATOR_PORT,
  node: NODE_MANAGEMENT_PORT,
  recovery: RECOVERY_PORT,
};

/**
 * Asks all members that are known, at all of their addresses, and at other endpoints for more: who
 * started a moment ago is left out where members are told of.
 */
export async function surveyMembers(
  session: Session,
  ports = usualPorts,
): Promise<readonly Member[]> {
  const { known, others } = placesOf(session.reach);
  const asking = { ...session, ports };
  const [members, more] = await Promise.all(
    [known, others].map((places) =>
      Promise.all(places.map(({ id, hosts }) => survey(asking, id, hosts))),
    ),
  );
  const isNews = ({ id, isMember }: Seen) => isMember && !members?.some((each) => each.id === id);
  return [...(members ?? []), ...(more ?? []).filter(isNews)].map(
    ({ isMember: _, ...seen }) => seen,
  );
}

/** What is found, and whether it says to be a member: no worker counts as one. */
interface Seen extends Member {
  readonly isMember: boolean;
}

/** A session that knows where to ask. */
interface Asking extends Session {
  readonly ports: Ports;
}

/** Members with their addresses; endpoints alone where no members are known, or wanted. */
function placesOf({ endpoints, members = [], hasEndpoints = false }: Reach) {
  const hosts = new Set(members.map(({ host }) => host));
  const places = endpoints.map((endpoint) => ({ id: "", hosts: [hostOf(endpoint)] }));
  if (members.length === 0 || hasEndpoints) return { known: places, others: [] };
  const byId = Map.groupBy(members, ({ id }) => id);
  return {
    known: [...byId].map(([id, at]) => ({ id, hosts: at.map(({ host }) => host) })),
    others: places.filter((place) => !place.hosts.some((host) => hosts.has(host))),
  };
}

async function survey(session: Asking, id: string, hosts: readonly string[]): Promise<Seen> {
  const reasons = new Map<string, string>();
  const asked = hosts.flatMap((host) =>
    [open, locked].map((ask) =>
      ask(session, id, host).catch((error: unknown) => {
        if (!(error instanceof RpcError || error instanceof UserError)) throw error;
        // What an open node says counts more than that no locked one is there.
        if (ask === open || !reasons.has(host)) reasons.set(host, error.message);
        throw error;
      }),
    ),
  );
  const [host = ""] = hosts;
  return Promise.any(asked).catch(() => ({
    ...{ id, host, state: "silent" as const, isMember: false },
    troubles: [...reasons.values()].map(printable).slice(0, 1),
  }));
}

/** A node that is open. */
async function open(session: Asking, id: string, host: string): Promise<Seen> {
  let seen: string | undefined;
  using channel = dial(session, target(host, session.ports.node), (by) => {
    if (id !== "") expectNode(id)(by);
    seen = by;
  });
  const node = channel.client(NodeManagement);
  try {
    const own = await node.getTroubles({}, { timeoutMs: ANSWER_MS });
    const state = own.isConsensusFailing ? "failing" : "up";
    const all = own.troubles.length > 0 ? own.troubles : await obstacle(session, seen ?? id, host);
    const isMember = own.isConsensusMember;
    return { id: seen ?? id, host, state, troubles: all.map(printable), isMember };
  } catch (error) {
    if (seen === undefined || !(error instanceof RpcError)) throw error;
    // It has proved itself: it is up, and of an older release, or does not know the owner's key yet.
    return { id: seen, host, state: "up", troubles: [printable(error.message)], isMember: false };
  }
}

/** Why its curator knows no leader, where the node itself finds nothing wrong. */
async function obstacle(session: Asking, id: string, host: string): Promise<readonly string[]> {
  using channel = dial(session, target(host, session.ports.api), expectNode(id));
  const asked = channel.client(CuratorLocal).getCurrentLeader({}, { timeoutMs: ANSWER_MS });
  try {
    for await (const { leaderNodeId } of asked) return [`it takes ${leaderNodeId} for the leader`];
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    // It comes and goes while etcd has no majority.
    const isShut = error instanceof NoConnectionError;
    return [isShut ? "its curator does not serve" : error.message];
  }
  return [];
}

/**
 * A node that is locked. It has no certificate yet that would prove who it is: what it says is
 * shown, and nothing is given to it.
 */
async function locked(session: Asking, id: string, host: string): Promise<Seen> {
  const { credentials, reach, ports } = session;
  const verify = (certificate: Uint8Array) => {
    if (selfSignedKey([certificate]) === undefined) throw new UserError("it proves no key");
  };
  using channel = connect({
    ...{ silenceMs: SILENCE_MS, target: target(host, ports.recovery), proxy: reach.proxy },
    credentials: { ...credentials, verify },
  });
  const lock = await channel.client(Recovery).getLock({}, { timeoutMs: ANSWER_MS });
  const { nodeId, epochs } = lock;
  if (id !== "" && nodeId !== id)
    throw new RpcError(Code.unavailable, `node ${nodeId} is locked there`);
  const isMember = epochs.some(({ members }) => members.includes(nodeId));
  return { id: printable(nodeId), host, state: "locked", troubles: [], isMember };
}
