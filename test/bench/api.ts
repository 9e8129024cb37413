// The Cluster API of one node: calls, writes that last, and what it costs to be there.
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { etcdStore } from "../../src/base/etcd/etcd.ts";
import { sleep } from "../../src/base/event/event.ts";
import type { Channel } from "../../src/base/rpc/rpc.ts";
import { NodeSchema } from "../../src/gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { Management } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { connectEtcd } from "../../src/node/consensus/connection.ts";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { cpuMs, residentMib } from "../cluster/support.ts";
import type { Results } from "./budgets.ts";
import { load } from "./load.ts";

const CALLS = 3_000;
const WRITES = 600;
const AT_ONCE = 32;
const WARM_UP = 300;
const ROUNDS = 4;

/** Calls that change nothing. */
export async function calls(plane: ControlPlane): Promise<Results> {
  using channel = plane.connect(plane.ports.api, plane.owner());
  const management = channel.client(Management);
  const call = () => management.getClusterInfo({});
  await load(WARM_UP, 1, call);
  const one = await load(CALLS, 1, call);
  await load(WARM_UP, AT_ONCE, call);
  const many = await load(2 * CALLS, AT_ONCE, call);
  return {
    "api.p50": one.p50,
    "api.p99": one.p99,
    "api.p50of32": many.p50,
    "api.p99of32": many.p99,
    "api.throughput": many.perSecond,
  };
}

/** Writes that are on the disk when they are answered, beside those of etcd itself. */
export async function writes(plane: ControlPlane, ids: readonly string[]): Promise<Results> {
  using channel = plane.connect(plane.ports.api, plane.owner());
  using etcd = await connectEtcd(plane.member);
  const [api, raw] = [apiWrites(channel, ids), rawWrites(etcd)];
  const one = await compare(api, raw, 1, WRITES);
  const many = await compare(api, raw, AT_ONCE, 4 * WRITES);
  return {
    "write.api": one.api,
    "write.raw": one.raw,
    "write.ratio": one.api / one.raw,
    "write.api32": many.api,
    "write.raw32": many.raw,
    "write.ratio32": many.api / many.raw,
  };
}

type Work = ReturnType<typeof apiWrites>;

/** Per second, over rounds in turn: what else this machine does hits both alike. */
async function compare(api: Work, raw: Work, atOnce: number, count: number) {
  const took = { api: 0, raw: 0 };
  for (const work of [api, raw]) await load(count / 4, atOnce, work);
  for (let round = 0; round < ROUNDS; round++) {
    took.raw += 1 / (await load(count / ROUNDS, atOnce, raw)).perSecond;
    took.api += 1 / (await load(count / ROUNDS, atOnce, api)).perSecond;
  }
  return { api: ROUNDS / took.api, raw: ROUNDS / took.raw };
}

/** Changes a label, of another node each time. */
function apiWrites(channel: Channel, ids: readonly string[]) {
  const management = channel.client(Management);
  let value = 0;
  return async (at: number) => {
    const id = ids[at % ids.length] ?? "";
    value++;
    await management.updateNodeLabels({
      node: { case: "id", value: id },
      upsert: [{ key: "bench", value: `${value}` }],
    });
  };
}

/** Puts a node's bytes, under a key of another prefix. */
function rawWrites(channel: Channel) {
  const store = etcdStore(channel, "bench/");
  const key = new Uint8Array(32);
  const id = "metropolis-00000000000000000000000000000000";
  const pairs = ["bench", "rack"].map((name) => ({ key: name, value: "100" }));
  const node = create(NodeSchema, {
    ...{ id, publicKey: key, joinKey: key, clusterUnlockKey: key, labels: { pairs } },
    ...{ fsmState: 3, tpmUsage: 3, storageSecurity: 3, roles: {} },
    status: { externalAddress: "10.0.0.100", timestamp: timestampNow(), bootId: key.slice(16) },
    registration: {
      ...{ address: "127.0.0.1", time: timestampNow() },
      hardware: { vendor: "Nobody", model: "Thin Air", serial: "100" },
    },
  });
  const value = toBinary(NodeSchema, node);
  return async (at: number) => {
    await store.put(`node-${at % 1_000}`, value);
  };
}

/** How long idleness is looked at. */
const IDLE_MS = 10_000;

/** What the processes use while nobody asks for anything. */
export async function idle(plane: ControlPlane): Promise<Results> {
  const { curator, etcd } = plane.pids;
  await sleep(3_000);
  const before = { curator: cpuMs(curator), etcd: cpuMs(etcd) };
  await sleep(IDLE_MS);
  const percent = (ms: number) => (ms / IDLE_MS) * 100;
  const used = {
    curator: percent(cpuMs(curator) - before.curator),
    etcd: percent(cpuMs(etcd) - before.etcd),
  };
  return {
    "rss.curator": residentMib(curator),
    "rss.etcd": residentMib(etcd),
    "cpu.curator": used.curator,
    "cpu.etcd": used.etcd,
    "cpu.controlPlane": used.curator + used.etcd,
  };
}
