// A large cluster, simulated: what its leader has to bear.
import { sleep } from "../../src/base/event/event.ts";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { each, type Fleet } from "../cluster/fleet.ts";
import { cpuMs, quantile, residentMib, settle, timed } from "../cluster/support.ts";
import type { Results } from "./budgets.ts";

/** Several periods of the heartbeat. */
const LOOK_MS = 20_000;
const CHANGES = 10;
const SETTLE_MS = 120_000;

/** All of them become members, in the way that machines do. */
export async function join(fleet: Fleet): Promise<Results> {
  const tookMs = await timed(async () => {
    await fleet.register();
    await fleet.approve(fleet.nodes);
    await fleet.commit(fleet.nodes);
  });
  return { "fleet.join": fleet.nodes.length / (tookMs / 1_000) };
}

/** All of them connect, beat and watch each other; what that costs their leader. */
export async function live(plane: ControlPlane, fleet: Fleet): Promise<Results> {
  const { curator, etcd } = plane.pids;
  const tookMs = await timed(() => each(fleet.nodes, (node) => node.live()));
  await sleep(5_000);
  const before = { curator: cpuMs(curator), etcd: cpuMs(etcd) };
  await sleep(LOOK_MS);
  const percent = (ms: number) => (ms / LOOK_MS) * 100;
  return {
    "fleet.nodes": fleet.nodes.length,
    "fleet.connect": fleet.nodes.length / (tookMs / 1_000),
    "fleet.cpu": percent(cpuMs(curator) - before.curator),
    "fleet.cpuEtcd": percent(cpuMs(etcd) - before.etcd),
    "fleet.rss": residentMib(curator),
    "fleet.rssEtcd": residentMib(etcd),
  };
}

/** A label is changed; every node hears of it. */
export async function news(plane: ControlPlane, { nodes, management }: Fleet): Promise<Results> {
  const { curator } = plane.pids;
  const times: number[] = [];
  const cpuBefore = cpuMs(curator);
  for (let change = 0; change < CHANGES; change++) {
    const before = nodes.map((node) => node.changes);
    const hasHeard = () => nodes.every((node, at) => node.changes > (before[at] ?? 0));
    const upsert = [{ key: "bench", value: `${change}` }];
    const node = { case: "id" as const, value: nodes[change]?.id ?? plane.id };
    times.push(
      await timed(async () => {
        await management.updateNodeLabels({ node, upsert });
        await settle("all nodes to hear of a change", SETTLE_MS, hasHeard);
      }),
    );
  }
  return {
    "fleet.news": quantile(times, 0.5),
    "fleet.newsCpu": (cpuMs(curator) - cpuBefore) / CHANGES,
  };
}
