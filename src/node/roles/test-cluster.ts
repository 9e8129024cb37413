// A cluster for tests: the part of the Cluster API that nodes call, over real gRPC on a
// socket, with what was heard in plain fields and what to say as values.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { type Client, Code, connect, RpcError, serve, service } from "../../base/rpc/rpc.ts";
import {
  Curator,
  type UpdateNodeClusterNetworkingRequest,
  type UpdateNodeStatusRequest,
  type WatchEventSchema,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";

/** What a watcher is told. */
export type EventInit = MessageInitShape<typeof WatchEventSchema>;

/** A running cluster of one method each. */
export interface TestCluster extends AsyncDisposable {
  readonly curator: Client<typeof Curator>;
  /** Heartbeats heard so far. */
  readonly beats: Value<number>;
  /** Statuses pushed so far. */
  readonly pushes: UpdateNodeStatusRequest[];
  /** The networks published so far, in prefix notation. */
  readonly networks: (readonly string[])[];
  /** Each value is sent to all watchers. */
  readonly events: Value<EventInit>;
  /** Kinds of watches asked for. */
  readonly watches: (string | undefined)[];
  /** While true, pushes are refused. */
  isLeaderless: boolean;
}

/** Starts one. */
export async function testCluster(): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), "node-cluster-"));
  const socket = join(folder, "curator.sock");
  const beats = new Value(0);
  const events = new Value<EventInit>();
  const pushes: UpdateNodeStatusRequest[] = [];
  const networks: (readonly string[])[] = [];
  const watches: (string | undefined)[] = [];
  const handlers = {
    async *heartbeat(requests: AsyncIterable<unknown>) {
      for await (const _ of requests) {
        beats.set((beats.current ?? 0) + 1);
        yield {};
      }
    },
    updateNodeStatus: async (request: UpdateNodeStatusRequest) => {
      if (cluster.isLeaderless) throw new RpcError(Code.unavailable, "no leader");
      pushes.push(request);
      return {};
    },
    updateNodeClusterNetworking: async (request: UpdateNodeClusterNetworkingRequest) => {
      if (cluster.isLeaderless) throw new RpcError(Code.failedPrecondition, "no address");
      networks.push(request.clusternet?.prefixes.map(({ cidr }) => cidr) ?? []);
      return {};
    },
    async *watch({ kind }: { kind: { case?: string | undefined } }, call: { signal: AbortSignal }) {
      watches.push(kind.case);
      yield* events.watch(call.signal);
    },
  };
  const server = await serve({
    services: [service(Curator, handlers)],
    authorize: () => {},
    listen: { unix: socket },
  });
  const channel = connect({ target: `unix:${socket}`, credentials: "plain" });
  const cluster: TestCluster = {
    curator: channel.client(Curator),
    ...{ beats, pushes, networks, events, watches },
    isLeaderless: false,
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await server.close(0);
      rmSync(folder, { recursive: true });
    },
  };
  return cluster;
}
