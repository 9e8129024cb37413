// How long metroctl takes, as an operator waits for it: from the start of the
// process to its end.
import { run } from "../../src/base/process/process.ts";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { quantile, timed } from "../cluster/support.ts";
import type { Results } from "./budgets.ts";

const RUNS = 20;

/** Starts of metroctl, and lists of all the nodes that there are. */
export async function commands({ operator }: ControlPlane): Promise<Results> {
  const p50 = async (...words: readonly string[]) => {
    const { argv, env } = operator.command(...words);
    // The first one has to read the executable from the disk.
    await run(argv, { env });
    const times: number[] = [];
    for (let i = 0; i < RUNS; i++) times.push(await timed(() => run(argv, { env })));
    return quantile(times, 0.5);
  };
  return {
    "metroctl.start": await p50("version"),
    "metroctl.nodeList": await p50("node", "list"),
    "metroctl.describe": await p50("node", "describe"),
    "metroctl.filter": await p50("node", "list", "--filter", "node.state == NODE_STATE_UP"),
  };
}
