// All nodes in memory, following etcd. Every member keeps it, leader or not, so
// that a new leader can serve at once.
//
//   etcd ── watch ──► NodeCache ──► list(), get()
//                        │
//                        ├──► watchers of one node, found by its ID
//                        └──► watchers of all nodes
//
// A change costs as many steps as there are watchers of that node. A watcher
// that is slow gathers the IDs of changed nodes, each once, and holds up nobody.
import { fromBinary } from "@bufbuild/protobuf";
import type { EventBatch, KeyValue, Listing } from "../../base/etcd/etcd.ts";
import { within } from "../../base/event/event.ts";
import {
  type Node,
  NodeSchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "./keys.ts";

/** A node as it is stored. Never changed in place: watchers hold it too. */
export interface CachedNode {
  readonly id: string;
  readonly node: Readonly<Node>;
  /** The revision that it was stored at. */
  readonly revision: bigint;
}

/** What became of watched nodes since the watcher last looked. */
export interface NodeChanges {
  readonly nodes: readonly CachedNode[];
  /** IDs of nodes that are gone. */
  readonly gone: readonly string[];
}

/** The nodes of the cluster, as of some revision. */
export class NodeCache {
  readonly #nodes = new Map<string, CachedNode>();
  /** In the order of IDs; undefined while it has to be made anew. */
  #sorted: readonly CachedNode[] | undefined;
  #revision = 0n;
  readonly #all = new Set<Watcher>();
  readonly #single = new Map<string, Set<Watcher>>();
  readonly #awaited = new Set<{ revision: bigint; resolve: () => void }>();

  /** The node with an ID. */
  get(id: string): CachedNode | undefined {
    return this.#nodes.get(id);
  }

  /** All nodes, in the order of their IDs. The list does not change later. */
  list(): readonly CachedNode[] {
    this.#sorted ??= [...this.#nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.#sorted;
  }

  /** Replaces everything by a listing of the nodes' prefix, unless it is older. */
  reset({ revision, items }: Listing): void {
    if (revision < this.#revision) return;
    const present = new Set(items.map(({ key }) => idOf(key)));
    for (const id of this.#nodes.keys()) if (!present.has(id)) this.#remove(id, revision);
    for (const item of items) this.#put(item);
    this.#reach(revision);
  }

  /** Takes in changes of the nodes' prefix. */
  apply({ revision, events }: EventBatch): void {
    for (const event of events) {
      const changed = event.kind === "put" ? event.item.modRevision : event.revision;
      // After a listing, the watch may still deliver what the listing showed.
      if (changed <= this.#revision) continue;
      if (event.kind === "put") this.#put(event.item);
      else this.#remove(idOf(event.key), event.revision);
    }
    this.#reach(revision);
  }

  /**
   * Takes in a node that was just written, without waiting to hear of it. What the watch
   * delivers later, of this revision or an older one, changes nothing any more.
   */
  take(item: Pick<KeyValue, "key" | "value" | "modRevision">): void {
    this.#put(item);
  }

  #put(item: Pick<KeyValue, "key" | "value" | "modRevision">): void {
    const id = idOf(item.key);
    if ((this.#nodes.get(id)?.revision ?? 0n) >= item.modRevision) return;
    const node = fromBinary(NodeSchema, item.value);
    // Clusters from before nodes had an ID of their own have it only in the key.
    node.id ||= id;
    this.#nodes.set(id, { id, node, revision: item.modRevision });
    this.#touch(id);
  }

  #remove(id: string, revision: bigint): void {
    // What is there may have been written after that.
    if ((this.#nodes.get(id)?.revision ?? 0n) > revision) return;
    if (this.#nodes.delete(id)) this.#touch(id);
  }

  #touch(id: string): void {
    this.#sorted = undefined;
    for (const watcher of this.#all) watcher.tell(id);
    for (const watcher of this.#single.get(id) ?? []) watcher.tell(id);
  }

  #reach(revision: bigint): void {
    if (revision > this.#revision) this.#revision = revision;
    for (const awaited of this.#awaited) {
      if (awaited.revision <= this.#revision) awaited.resolve();
    }
  }

  /** Resolves when changes up to a revision of the nodes' prefix have been taken in. */
  async reached(revision: bigint, signal?: AbortSignal): Promise<void> {
    if (revision <= this.#revision) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const awaited = { revision, resolve };
    this.#awaited.add(awaited);
    try {
      await within(promise, signal);
    } finally {
      this.#awaited.delete(awaited);
    }
  }

  /** Wakes those who watch all nodes, who then see no change of nodes: there is other news. */
  wake(): void {
    for (const watcher of this.#all) watcher.wake();
  }

  /** Resolves at the next change of any node. */
  async changed(signal: AbortSignal): Promise<void> {
    const watcher = new Watcher();
    this.#all.add(watcher);
    try {
      await watcher.next(signal);
    } finally {
      this.#all.delete(watcher);
    }
  }

  /**
   * Follows one node, or all: first what there is (for all nodes also when
   * there is nothing), then changes, those meanwhile taken together. Throws the
   * signal's reason when it aborts.
   */
  async *watch(only: string | undefined, signal: AbortSignal): AsyncGenerator<NodeChanges> {
    const watcher = new Watcher();
    const group = this.#group(only);
    group.add(watcher);
    try {
      if (only === undefined) yield { nodes: this.list(), gone: [] };
      else if (this.#nodes.has(only)) watcher.tell(only);
      for (;;) yield this.#changes(await watcher.next(signal));
    } finally {
      group.delete(watcher);
      if (only !== undefined && group.size === 0) this.#single.delete(only);
    }
  }

  #group(only: string | undefined): Set<Watcher> {
    if (only === undefined) return this.#all;
    const group = this.#single.get(only) ?? new Set();
    this.#single.set(only, group);
    return group;
  }

  #changes(ids: readonly string[]): NodeChanges {
    const nodes: CachedNode[] = [];
    const gone: string[] = [];
    for (const id of ids) {
      const node = this.#nodes.get(id);
      if (node === undefined) gone.push(id);
      else nodes.push(node);
    }
    return { nodes, gone };
  }
}

/** The IDs of changed nodes that one watcher has not seen yet, each once. */
class Watcher {
  #changed = new Set<string>();
  #isAwake = false;
  #wake = () => {};

  tell(id: string): void {
    this.#changed.add(id);
    this.#wake();
  }

  wake(): void {
    this.#isAwake = true;
    this.#wake();
  }

  async next(signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    if (this.#changed.size === 0 && !this.#isAwake) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, signal);
    }
    this.#isAwake = false;
    const ids = [...this.#changed];
    this.#changed = new Set();
    return ids;
  }
}

function idOf(key: string): string {
  return key.slice(keys.nodes.length);
}
