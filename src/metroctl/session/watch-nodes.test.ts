// Watching: every change once, none lost over trouble, and an end when told.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { type Node, NodeSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { type NodeChange, watchNodes } from "./watch-nodes.ts";

const node = (id: string, more: MessageInitShape<typeof NodeSchema> = {}) =>
  create(NodeSchema, { id, state: NodeState.NEW, ...more });

/** A cluster whose nodes change when the test says so. */
class Changing {
  nodes: Node[] = [];
  failure: Error | undefined;
  readonly trouble: string[] = [];
  readonly stop = new AbortController();
  looks = 0;
  opened = 0;
  #news = Promise.withResolvers<void>();
  readonly #changes = watchNodes({
    look: async () => {
      this.looks++;
      if (this.failure !== undefined) throw this.failure;
      return this.nodes;
    },
    news: (signal) => this.#follow(signal),
    onTrouble: (error) => this.trouble.push(error?.message ?? "fine"),
    signal: this.stop.signal,
  });

  async *#follow(signal: AbortSignal): AsyncGenerator<void> {
    this.opened++;
    signal.addEventListener("abort", () => this.#news.resolve());
    while (!signal.aborted) {
      await this.#news.promise;
      this.#news = Promise.withResolvers<void>();
      if (this.failure !== undefined) throw this.failure;
      yield;
    }
  }

  /** Changes the nodes, and lets the cluster tell. */
  become(...nodes: Node[]): void {
    this.nodes = nodes;
    this.#news.resolve();
  }

  /** The next changes, in short. */
  async next(): Promise<readonly string[]> {
    const { value, done } = await this.#changes.next();
    if (done === true) return ["end"];
    return value.map(({ event, node }: NodeChange) => `${event} ${node.id}`);
  }
}

test("first come the nodes that there are, then each change once", async () => {
  const cluster = new Changing();
  cluster.nodes = [node("a"), node("b")];
  expect(await cluster.next()).toEqual(["added a", "added b"]);
  cluster.become(node("a", { state: NodeState.UP }), node("b"));
  expect(await cluster.next()).toEqual(["changed a"]);
  cluster.become(node("a", { state: NodeState.UP }), node("c"));
  expect(await cluster.next()).toEqual(["removed b", "added c"]);
  cluster.stop.abort();
  expect(await cluster.next()).toEqual(["end"]);
});

test("a cluster without nodes says so at once", async () => {
  const cluster = new Changing();
  expect(await cluster.next()).toEqual([]);
  cluster.become(node("a"));
  expect(await cluster.next()).toEqual(["added a"]);
  cluster.stop.abort();
});

test("times alone are no change", async () => {
  const cluster = new Changing();
  const at = (seconds: bigint) => ({
    timeSinceHeartbeat: { seconds },
    status: { externalAddress: "10.1.0.2", timestamp: { seconds } },
  });
  cluster.nodes = [node("a", at(1n))];
  await cluster.next();
  cluster.become(node("a", at(2n)));
  const next = cluster.next();
  while (cluster.looks < 2) await Bun.sleep(5);
  cluster.become(node("a", { ...at(3n), status: { externalAddress: "10.1.0.3" } }));
  expect(await next).toEqual(["changed a"]);
  cluster.stop.abort();
});

test("a cluster between two leaders is waited for, and its watch opened again", async () => {
  const cluster = new Changing();
  cluster.nodes = [node("a")];
  await cluster.next();
  cluster.failure = new RpcError(Code.unavailable, "no leader");
  cluster.become(node("a", { state: NodeState.UP }));
  const next = cluster.next();
  while (!cluster.trouble.includes("no leader")) await Bun.sleep(5);
  cluster.failure = undefined;
  expect(await next).toEqual(["changed a"]);
  expect(cluster.trouble.at(-1)).toBe("fine");
  while (cluster.opened < 2) await Bun.sleep(5);
  cluster.stop.abort();
});

test("a failure that does not pass ends the watch, as does any at the start", async () => {
  const cluster = new Changing();
  await cluster.next();
  cluster.failure = new RpcError(Code.permissionDenied, "not yours");
  cluster.become();
  await expect(cluster.next()).rejects.toThrow("not yours");
  const other = new Changing();
  other.failure = new RpcError(Code.unavailable, "nobody there");
  await expect(other.next()).rejects.toThrow("nobody there");
});
