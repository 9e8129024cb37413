// Nodes as they change. The cluster's own watch tells when to look, and nothing
// else: what is seen is the operator's view, filter and health included, so a
// lost watch or another leader costs a moment and no change.
//
//   Curator.Watch ──wakes──► look (Management.GetNodes) ──► compare ──► changes
//                 a clock ──►   health changes without a word in the cluster
import { clone, toBinary } from "@bufbuild/protobuf";
import { sleep } from "../../base/event/event.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { type Node, NodeSchema } from "../../gen/metropolis/proto/api/management_pb.ts";

/** What became of a node. */
export interface NodeChange {
  readonly event: "added" | "changed" | "removed";
  /** As it is now; as it last was when it was removed. */
  readonly node: Node;
}

/** What is watched, and how. */
export interface NodeWatch {
  /** Gives the nodes as they are. */
  readonly look: () => Promise<readonly Node[]>;
  /** Gives anything whenever something may have changed; may end or fail at any time. */
  readonly news: (signal: AbortSignal) => AsyncIterable<unknown>;
  /** Is told when the cluster stops answering, and when it answers again. */
  readonly onTrouble: (error: RpcError | undefined) => void;
  readonly signal: AbortSignal;
}

/** Changes that come together are looked at once. */
const GATHER_MS = 200;
const PAUSE_MS = 500;
/** Health follows from heartbeats, which are no news. */
const CLOCK_MS = 3_000;

/**
 * Gives the nodes that there are, then each change, until the signal aborts.
 * Goes on through anything that passes by itself. Throws an {@link RpcError}
 * for all else, such as a filter that has an error.
 */
export async function* watchNodes(watch: NodeWatch): AsyncGenerator<readonly NodeChange[]> {
  const { signal } = watch;
  const known = new Known();
  using bell = new Bell(watch);
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const nodes = await look(watch, isFirst);
    const changes = nodes === undefined ? [] : known.compare(nodes);
    if (changes.length > 0 || (isFirst && nodes !== undefined)) yield changes;
    await bell.rung(nodes === undefined ? PAUSE_MS : CLOCK_MS);
  }
}

/** The nodes, or nothing while the cluster does not answer. */
async function look({ look, onTrouble, signal }: NodeWatch, isFirst: boolean) {
  try {
    const nodes = await look();
    onTrouble(undefined);
    return nodes;
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof RpcError) || isFirst || !passing.has(error.code)) throw error;
    onTrouble(error);
    return undefined;
  }
}

/** How calls fail while a cluster is between two leaders. */
const passing: ReadonlySet<Code> = new Set<Code>([
  Code.unavailable,
  Code.unimplemented,
  Code.deadlineExceeded,
  Code.aborted,
  Code.cancelled,
]);

/** The nodes as they were last seen. */
class Known {
  #nodes = new Map<string, { readonly node: Node; readonly face: Uint8Array }>();

  /** What differs from last time: removals first. */
  compare(nodes: readonly Node[]): readonly NodeChange[] {
    const before = this.#nodes;
    this.#nodes = new Map(nodes.map((node) => [node.id, { node, face: face(node) }]));
    const gone = [...before.values()].filter(({ node }) => !this.#nodes.has(node.id));
    const news = [...this.#nodes.values()].flatMap(({ node, face }): NodeChange[] => {
      const old = before.get(node.id);
      if (old === undefined) return [{ event: "added", node }];
      return Buffer.compare(old.face, face) === 0 ? [] : [{ event: "changed", node }];
    });
    return [...gone.map(({ node }): NodeChange => ({ event: "removed", node })), ...news];
  }
}

/** What makes a change worth showing: all but the times, which always change. */
function face(node: Node): Uint8Array {
  const shown = clone(NodeSchema, node);
  delete shown.timeSinceHeartbeat;
  delete shown.status?.timestamp;
  return toBinary(NodeSchema, shown);
}

/** Rings when there is news; listens for it until it is disposed of. */
class Bell implements Disposable {
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  #ring = Promise.withResolvers<void>();

  constructor({ news, signal }: NodeWatch) {
    this.#signal = AbortSignal.any([signal, this.#end.signal]);
    void this.#listen(news);
  }

  async #listen(news: NodeWatch["news"]): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        for await (const _ of news(this.#signal)) this.#ring.resolve();
      } catch {
        // Another leader has to be found first; the clock bridges the gap.
      }
      await sleep(PAUSE_MS, this.#signal).catch(() => {});
    }
  }

  /** Resolves a moment after the next news, or after some time without any. */
  async rung(timeoutMs: number): Promise<void> {
    const clock = sleep(timeoutMs, this.#signal).catch(() => {});
    await Promise.race([this.#ring.promise, clock]);
    this.#ring = Promise.withResolvers<void>();
    await sleep(GATHER_MS, this.#signal).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }
}
