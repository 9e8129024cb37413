// A cluster of a thousand nodes: filters give exactly the nodes that they mean,
// and metroctl shows all of them in one piece.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { persist } from "../../src/node/roles/curator.ts";
import { type ControlPlane, controlPlane } from "./control-plane.ts";
import { each, Fleet, type SimulatedNode } from "./fleet.ts";

/** With the node that runs the control plane a thousand. */
const COUNT = 999;
/** The calls of a thousand nodes come one after the other, and others may be busy beside them. */
const SETUP_MS = 300_000;

let plane: ControlPlane;
let fleet: Fleet;
/** By what became of them; all are in exactly one of these. */
let group: Readonly<Record<"waiting" | "approved" | "silent" | "alive", readonly SimulatedNode[]>>;
/** The node that runs the control plane. It is UP, and beats for nobody here. */
let first = "";

const ids = (nodes: readonly SimulatedNode[]) => nodes.map(({ id }) => id);
/** Every third of those that are members. */
const workers = () => [...group.silent, ...group.alive].filter((_, index) => index % 3 === 0);

beforeAll(async () => {
  plane = await controlPlane();
  first = plane.id;
  fleet = new Fleet(plane, COUNT);
  await fleet.register();
  const at = (from: number, to: number) => fleet.nodes.slice(from, to);
  group = {
    waiting: at(0, 100),
    approved: at(100, 150),
    silent: at(150, 450),
    alive: at(450, COUNT),
  };
  await fleet.approve(at(100, COUNT));
  await fleet.commit(at(150, COUNT));
  await each(workers(), ({ id }) =>
    persist(AbortSignal.timeout(SETUP_MS), () =>
      fleet.management.updateNodeRoles({
        node: { case: "id", value: id },
        kubernetesWorker: true,
      }),
    ),
  );
}, SETUP_MS);
afterAll(async () => {
  fleet?.[Symbol.dispose]();
  await plane?.[Symbol.asyncDispose]();
});

/** What metroctl lists for a filter. */
async function listed(filter: string): Promise<readonly string[]> {
  const text = await plane.operator.metroctl("node", "list", `--filter=${filter}`);
  return text.split("\n").filter((line) => line !== "");
}

test("node list shows each of a thousand nodes once, in the order of their IDs", async () => {
  const all = await listed("");
  expect(all).toEqual([first, ...ids(fleet.nodes)].toSorted());
});

test("node.state == NODE_STATE_UP gives the members", async () => {
  const members = [first, ...ids(group.silent), ...ids(group.alive)];
  expect(await listed("node.state == NODE_STATE_UP")).toEqual(members.toSorted());
});

test("has(node.roles.kubernetes_worker) gives the workers", async () => {
  expect(await listed("has(node.roles.kubernetes_worker)")).toEqual(ids(workers()).toSorted());
});

test("node.time_since_heartbeat < duration('6s') gives those that were heard of", async () => {
  // Once more and once less than the filter's six seconds ago.
  await each(group.silent, (node) => node.beat());
  await Bun.sleep(6_500);
  let heard: readonly string[] = [];
  let tookMs = Number.POSITIVE_INFINITY;
  // Where the machine is busy the first beats may be too old before the last ones are sent.
  for (let attempt = 0; attempt < 5 && tookMs > 5_500; attempt++) {
    const start = performance.now();
    await each(group.alive, (node) => node.beat());
    heard = await listed("node.time_since_heartbeat < duration('6s')");
    tookMs = performance.now() - start;
  }
  expect(heard).toEqual(ids(group.alive).toSorted());
});

test("approve lists those that wait, and no others", async () => {
  const text = await plane.operator.metroctl("approve");
  expect(text.trimEnd().split("\n")).toEqual(ids(group.waiting).toSorted());
});

test("filters may be joined, and reach into labels", async () => {
  const rack = "node.labels.pairs.exists(pair, pair.key == 'rack' && pair.value == 'r7')";
  const there = fleet.nodes.filter((_, index) => index % 40 === 7);
  expect(await listed(rack)).toEqual(ids(there).toSorted());
  const approved = new Set(group.approved);
  expect(await listed(`${rack} && node.state == NODE_STATE_STANDBY`)).toEqual(
    ids(there.filter((node) => approved.has(node))).toSorted(),
  );
});

test("node describe tells programs all of each", async () => {
  const [node] = group.alive;
  const text = await plane.operator.metroctl("node", "describe", "-o", "json");
  const records: readonly { readonly id: string }[] = JSON.parse(text);
  expect(records).toHaveLength(COUNT + 1);
  expect(records.find(({ id }) => id === node?.id)).toMatchObject({
    state: "NODE_STATE_UP",
    registration: { hardware: { vendor: "Nobody", serial: "450" } },
    status: { externalAddress: "10.0.1.194" },
    labels: { pairs: [{ key: "rack", value: "r10" }] },
  });
});
