// A leader for tests of handlers: real in all but its store, which is in memory,
// and its clock, which the test turns.
import { create } from "@bufbuild/protobuf";
import { follow, type Member, memoryStore, type Store } from "../../base/etcd/etcd.ts";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { type Issuer, issueCa } from "../../base/pki/certificate.ts";
import { generateKeyPair, type KeyPair } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { type Call, testCall } from "../../base/rpc/rpc.ts";
import {
  type Node,
  NodeSchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { caWrites } from "./cluster-pki.ts";
import { DatabaseQuota } from "./database-quota.ts";
import { keys } from "./keys.ts";
import { type Leader, makeLeader } from "./leader.ts";
import { NodeCache } from "./node-cache.ts";
import { nodeWrite } from "./nodes.ts";
import { SimulatedConsensus } from "./test-consensus.ts";

const caKey = generateKeyPair();
/** The CA of clusters in tests. */
export const testCa: Issuer = { keyPair: caKey, certificate: await issueCa(caKey) };

/** The leader of a cluster without nodes. Leave it through `await using`. */
export interface TestLeader extends Leader, AsyncDisposable {
  /** The same store, without its guard. */
  readonly raw: Store;
  readonly consensus: SimulatedConsensus;
  readonly time: { now: number };
  /** Adds a node; what is not given is that of a healthy member. */
  add(fields?: Partial<Node>): Promise<KeyPair & { readonly id: string }>;
  /** The stored node. */
  stored(id: string): Readonly<Node> | undefined;
  /** Someone else becomes the leader. */
  depose(): Promise<void>;
}

/** Makes one. */
export async function testLeader(
  members: readonly Partial<Member>[] = [],
  self = "metropolis-self",
): Promise<TestLeader> {
  const raw = memoryStore();
  const nodes = new NodeCache();
  const end = new AbortController();
  const time = { now: 0 };
  const consensus = new SimulatedConsensus(members);
  const createRevision = await raw.put("/leader/1", new Uint8Array());
  await raw.transact([], caWrites(testCa));
  const leader = makeLeader({
    self,
    store: raw,
    key: { key: "/leader/1", createRevision },
    nodes,
    owner: new Value<Uint8Array>(),
    consensus,
    quota: new DatabaseQuota(),
    resign: async () => void (await raw.delete("/leader/1")),
    log: new LogTree().logger("test"),
    clock: () => time.now,
  });
  const following = followNodes(raw, nodes, end.signal);
  return {
    ...leader,
    consensus,
    raw,
    time,
    add: async (fields) => {
      const pair = generateKeyPair();
      const node = testNode(pair.publicKey, fields);
      await nodes.reached((await raw.transact([], [nodeWrite(node)])).revision);
      return { ...pair, id: node.id };
    },
    stored: (id) => nodes.get(id)?.node,
    depose: async () => void (await raw.delete("/leader/1")),
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await following;
    },
  };
}

async function followNodes(store: Store, nodes: NodeCache, signal: AbortSignal): Promise<void> {
  try {
    for await (const update of follow(store, keys.nodes, signal)) {
      if (update.kind === "list") nodes.reset(update);
      else nodes.apply(update);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A node with a key; UP unless told otherwise. */
export function testNode(publicKey: Uint8Array, fields: Partial<Node> = {}): Node {
  const given = { id: nodeId(publicKey), publicKey, fsmState: NodeState.UP };
  return { ...create(NodeSchema, given), ...fields };
}

/** A call of the node with an ID. */
export function nodeCall(id: string): Call {
  return testCall({ peer: { kind: "node", id, publicKey: new Uint8Array(32) } });
}

/** A call of a user. */
export function userCall(): Call {
  return testCall({ peer: { kind: "user", name: "owner", publicKey: new Uint8Array(32) } });
}

/** A call of someone who has proved nothing but a key, or not even that. */
export function strangerCall(publicKey?: Uint8Array): Call {
  return testCall({ peer: { kind: "anonymous", publicKey } });
}
