// `bun run bench`: measures the product against the budgets it was designed for,
// prints a table, and keeps the values as JSON.
//
//   --no-vm       leave out what needs a virtual machine
//   --json FILE   keep the values there; default is the build's cache
//   --strict      fail when a budget is missed
//   --nodes N     size of the cluster; default is 1000, which the budgets are for
//
// Measured is the compiled executable of the last build.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { controlPlane } from "../cluster/control-plane.ts";
import { Fleet } from "../cluster/fleet.ts";
import { cache, outputs } from "../cluster/support.ts";
import { calls, idle, writes } from "./api.ts";
import { isMissed, judge, type Results, table } from "./budgets.ts";
import { commands } from "./command.ts";
import { images } from "./images.ts";
import { machine } from "./machine.ts";
import { join as joinAll, live, news } from "./nodes.ts";
import { threeMachines } from "./three-machines.ts";

const { values: options } = parseArgs({
  options: {
    "no-vm": { type: "boolean" },
    json: { type: "string" },
    strict: { type: "boolean" },
    nodes: { type: "string", default: "1000" },
  },
});

async function step<R>(title: string, work: () => Promise<R> | R): Promise<R> {
  const start = performance.now();
  process.stderr.write(`${title} … `);
  const result = await work();
  process.stderr.write(`${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  return result;
}

/** What one node's control plane does, as processes on this machine. */
async function native(): Promise<Results> {
  const start = () => controlPlane({ isDurable: true, executable: outputs("metropolis") });
  await using plane = await step("control plane", start);
  const resting = await step("idle", () => idle(plane));
  // The one that runs the control plane counts too.
  using fleet = new Fleet(plane, Number(options.nodes) - 1);
  const joined = await step(`joining ${fleet.nodes.length} nodes`, () => joinAll(fleet));
  const ids = fleet.nodes.map(({ id }) => id);
  return {
    ...resting,
    ...joined,
    ...(await step("calls", () => calls(plane))),
    ...(await step("writes", () => writes(plane, ids))),
    ...(await step("connecting them", () => live(plane, fleet))),
    ...(await step("metroctl", () => commands(plane))),
    ...(await step("changes that all of them see", () => news(plane, fleet))),
  };
}

/** What machines do, with firmware and all, under emulation. */
async function virtual(): Promise<Results> {
  return {
    ...(await step("machine", machine)),
    ...(await step("three machines", threeMachines)),
  };
}

/** What others did on this machine: it is in every number. */
function load(): number {
  return loadavg()[0] ?? Number.NaN;
}

async function main(): Promise<void> {
  const before = load();
  if (before > 1) console.error(`load is ${before.toFixed(1)}: times will be worse than they are`);
  const results = {
    ...(await step("images", images)),
    ...(await native()),
    ...(options["no-vm"] === true ? {} : await virtual()),
  };
  const verdicts = judge(results);
  console.log(`\n${table(verdicts)}`);
  const file = options.json ?? join(cache, "bench.json");
  mkdirSync(dirname(file), { recursive: true });
  const host = { cpus: cpus().length, model: cpus()[0]?.model, load: load() };
  const kept = { time: new Date().toISOString(), host, verdicts };
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
  console.log(`\nkept in ${file}`);
  const missed = verdicts.filter(isMissed).length;
  if (missed > 0) console.log(`${missed} budget${missed === 1 ? "" : "s"} missed`);
  process.exitCode = options.strict === true && missed > 0 ? 1 : 0;
}

await main();
