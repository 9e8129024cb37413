// `--watch` as a person runs it: what there is, then each change, until Ctrl-C.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { until } from "../../base/event/test-until.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(() => plane[Symbol.asyncDispose]());

const TIMEOUT_MS = 30_000;
let changes = 0;

/** Changes the node that was added last, and lets the cluster tell. */
function change(state: NodeState | undefined): void {
  const node = plane.nodes.at(-1);
  if (state === undefined) plane.nodes.pop();
  else if (node !== undefined) node.state = state;
  plane.news.set(changes++);
}

/** For as long as the test may take. */
test(
  "node describe --watch shows rows below each other, and ends well with Ctrl-C",
  async () => {
    const { child, output } = plane.begin("node", "describe", "-w", "--columns=node id,state");
    await until(() => output().includes(" UP\n"));
    const id = plane.addNode();
    change(NodeState.NEW);
    await until(() => output().includes("NEW"));
    change(NodeState.STANDBY);
    await until(() => output().includes("STANDBY"));
    change(undefined);
    await until(() => output().includes("REMOVED"));
    child.kill("SIGINT");
    expect(await child.exited).toMatchObject({ exitCode: 0 });
    expect(output().trimEnd().split("\n")).toEqual([
      "NODE ID                                       STATE",
      `${plane.id}   UP`,
      `${id}   NEW`,
      `${id}   STANDBY`,
      `${id}   REMOVED`,
    ]);
  },
  TIMEOUT_MS,
);

test(
  "node list --watch prints IDs, and behind them what became of nodes later",
  async () => {
    const id = plane.addNode();
    const { child, output } = plane.begin("node", "list", "--watch");
    await until(() => output().includes(id));
    change(NodeState.STANDBY);
    await until(() => output().includes("changed"));
    change(undefined);
    await until(() => output().includes("removed"));
    child.kill("SIGINT");
    await child.exited;
    expect(output()).toBe([plane.id, id, `${id} changed`, `${id} removed`, ""].join("\n"));
  },
  TIMEOUT_MS,
);

test(
  "node describe --watch -o json is one object a line",
  async () => {
    const { child, output } = plane.begin("node", "describe", "--watch", "-o", "json");
    await until(() => output().endsWith("\n"));
    child.kill("SIGINT");
    await child.exited;
    const [line = "", ...rest] = output().trimEnd().split("\n");
    expect(JSON.parse(line)).toMatchObject({ event: "added", node: { id: plane.id } });
    expect(rest).toEqual([]);
  },
  TIMEOUT_MS,
);
