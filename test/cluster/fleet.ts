// Many nodes without machines: each has real keys, makes the calls that a node
// makes, again while the leader does not answer, and holds the same connection with the same three streams open. Only
// the machine behind it is missing.
import { sleep } from "../../src/base/event/event.ts";
import { selfSigned } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import type { Channel } from "../../src/base/rpc/rpc.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { NodeStorageSecurity } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { persist } from "../../src/node/roles/curator.ts";
import { ControlPlane, type Proof } from "./control-plane.ts";
import { PATIENCE_MS } from "./support.ts";

/** How many nodes do something at the same time. */
const AT_ONCE = 16;
/** What the cluster expects of nodes. */
const BEAT_MS = 5_000;

/** Does something for each, a number of them at a time. */
export async function each<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) {
      const item = items[at];
      if (item !== undefined) await work(item, at);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** A node whose machine is not there. */
export class SimulatedNode implements Disposable {
  readonly key = generateKeyPair();
  readonly id: string = nodeId(this.key.publicKey);
  readonly #index: number;
  readonly #plane: ControlPlane;
  readonly #end = new AbortController();
  #proof: Proof | undefined;
  #channel: Channel | undefined;
  /** How many changes of other nodes it has heard of. */
  changes = 0;

  constructor(plane: ControlPlane, index: number) {
    this.#plane = plane;
    this.#index = index;
  }

  /** Asks for admission. */
  async register(ticket: Uint8Array): Promise<void> {
    const proof = ControlPlane.proof(this.key, await selfSigned(this.key));
    using channel = this.#connect(proof);
    await channel.client(Curator).registerNode({
      registerTicket: ticket,
      joinKey: generateKeyPair().publicKey,
      haveLocalTpm: true,
      labels: { pairs: [{ key: "rack", value: `r${this.#index % 40}` }] },
      hardware: { vendor: "Nobody", model: "Thin Air", serial: `${this.#index}` },
    });
  }

  /** Becomes a member, after approval, and tells its address. */
  async commit(): Promise<void> {
    using stranger = this.#connect(ControlPlane.proof(this.key, await selfSigned(this.key)));
    const { nodeCertificate } = await stranger.client(Curator).commitNode({
      clusterUnlockKey: crypto.getRandomValues(new Uint8Array(32)),
      storageSecurity: NodeStorageSecurity.AUTHENTICATED_ENCRYPTED,
    });
    this.#proof = ControlPlane.proof(this.key, nodeCertificate);
    const externalAddress = `10.${this.#index >> 16}.${(this.#index >> 8) & 255}.${this.#index & 255}`;
    const bootId = crypto.getRandomValues(new Uint8Array(16));
    const status = { externalAddress, bootId };
    await this.#curator().updateNodeStatus({ nodeId: this.id, status });
  }

  /** Sends one heartbeat, and waits for its answer. */
  async beat(): Promise<void> {
    for await (const _ of this.#curator().heartbeat([{}])) return;
  }

  /** Does from now on what a node does: beats, follows itself and follows all nodes. */
  async live(): Promise<void> {
    const { signal } = this.#end;
    await this.beat();
    const curator = this.#curator();
    const own = { case: "nodeInCluster", value: { nodeId: this.id } } as const;
    const all = { case: "nodesInCluster", value: {} } as const;
    void drain(curator.heartbeat(beats(signal), { signal }));
    void drain(curator.watch({ kind: own }, { signal }));
    const { promise, resolve } = Promise.withResolvers<void>();
    void drain(curator.watch({ kind: all }, { signal }), ({ progress, nodes }) => {
      if (progress === 1) resolve();
      else this.changes += nodes.length;
    });
    await promise;
  }

  #curator() {
    if (this.#proof === undefined) throw new Error(`${this.id} is no member yet`);
    this.#channel ??= this.#connect(this.#proof);
    return this.#channel.client(Curator);
  }

  #connect(proof: Proof): Channel {
    return this.#plane.connect(this.#plane.ports.api, proof);
  }

  /** Falls silent. */
  [Symbol.dispose](): void {
    this.#end.abort();
    this.#channel?.close();
    this.#channel = undefined;
  }
}

/** Beats as the nodes of a cluster do: not all in the same moment. */
async function* beats(signal: AbortSignal) {
  await sleep(Math.random() * BEAT_MS, signal);
  for (;;) {
    yield {};
    await sleep(BEAT_MS, signal);
  }
}

async function drain<T>(stream: AsyncIterable<T>, take: (item: T) => void = () => {}) {
  try {
    for await (const item of stream) take(item);
  } catch {
    // Its node fell silent.
  }
}

/** Nodes of one cluster. `using` makes them fall silent. */
export class Fleet implements Disposable {
  readonly nodes: readonly SimulatedNode[];
  readonly #owner: Channel;

  constructor(plane: ControlPlane, count: number) {
    this.#owner = plane.connect(plane.ports.api, plane.owner());
    this.nodes = Array.from({ length: count }, (_, index) => new SimulatedNode(plane, index));
  }

  /** What the owner may do. */
  get management() {
    return this.#owner.client(Management);
  }

  /** All of them ask for admission. */
  async register(): Promise<void> {
    const { ticket } = await this.management.getRegisterTicket({});
    const signal = AbortSignal.timeout(PATIENCE_MS);
    await each(this.nodes, (node) => persist(signal, () => node.register(ticket)));
  }

  /** The owner lets some in. */
  async approve(nodes: readonly SimulatedNode[]): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    await each(nodes, ({ key }) =>
      persist(signal, () => this.management.approveNode({ pubkey: key.publicKey })),
    );
  }

  /** Those that were let in become members. */
  async commit(nodes: readonly SimulatedNode[]): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    await each(nodes, (node) => persist(signal, () => node.commit()));
  }

  [Symbol.dispose](): void {
    for (const node of this.nodes) node[Symbol.dispose]();
    this.#owner.close();
  }
}
