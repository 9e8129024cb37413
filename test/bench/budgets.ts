// What is measured: names, units and budgets, each once. A budget is the most that
// a value may be, or with `atLeast` the least; a value without one is shown for
// those that have.

/** One thing that is measured. */
export interface Measure {
  readonly about: string;
  readonly unit:
    | "MB"
    | "MiB"
    | "ms"
    | "s"
    | "%"
    | "calls/s"
    | "writes/s"
    | "of raw etcd"
    | "nodes"
    | "nodes/s";
  readonly budget?: number;
  readonly atLeast?: true;
}

/** Every measure, in the order of the table. Sizes are in units of 10^6 bytes. */
export const measures = {
  "image.system": { about: "core system image", unit: "MB", budget: 80 },
  "image.uki": { about: "kernel image (UKI)", unit: "MB", budget: 14 },
  "image.bundle": { about: "bundle", unit: "MB" },
  "image.executable": { about: "executable", unit: "MB" },
  "image.etcd": { about: "etcd", unit: "MB" },
  "metroctl.start": { about: "metroctl version, p50", unit: "ms", budget: 50 },
  "metroctl.nodeList": { about: "metroctl node list of all nodes, p50", unit: "ms", budget: 250 },
  "metroctl.describe": { about: "metroctl node describe of all nodes, p50", unit: "ms" },
  "metroctl.filter": { about: "metroctl node list --filter, p50", unit: "ms" },
  "rss.curator": { about: "curator, idle RSS", unit: "MiB", budget: 160 },
  "fleet.nodes": { about: "simulated nodes, all connected", unit: "nodes" },
  "fleet.join": { about: "nodes that register, are approved and commit", unit: "nodes/s" },
  "fleet.connect": { about: "nodes that connect and see all nodes", unit: "nodes/s" },
  "fleet.rss": { about: "leader, RSS with all of them connected", unit: "MiB" },
  "fleet.rssEtcd": { about: "etcd, RSS with all of them connected", unit: "MiB" },
  "fleet.cpu": { about: "leader, CPU with their heartbeats and watches", unit: "%" },
  "fleet.cpuEtcd": { about: "etcd, CPU with their heartbeats and watches", unit: "%" },
  "fleet.news": { about: "one change seen by every node, p50", unit: "ms" },
  "fleet.newsCpu": { about: "leader, CPU time of one change seen by all", unit: "ms" },
  "rss.etcd": { about: "etcd, idle RSS", unit: "MiB" },
  "cpu.curator": { about: "curator, idle CPU", unit: "%" },
  "cpu.etcd": { about: "etcd, idle CPU", unit: "%" },
  "cpu.controlPlane": { about: "control plane and etcd, idle CPU", unit: "%", budget: 3 },
  "api.p50": { about: "unary call, p50", unit: "ms" },
  "api.p99": { about: "unary call, p99", unit: "ms", budget: 10 },
  "api.p50of32": { about: "unary call, 32 at a time, p50", unit: "ms" },
  "api.p99of32": { about: "unary call, 32 at a time, p99", unit: "ms" },
  "api.throughput": { about: "unary calls, 32 at a time", unit: "calls/s" },
  "write.api": { about: "durable API writes, one at a time", unit: "writes/s" },
  "write.raw": { about: "raw etcd puts, one at a time", unit: "writes/s" },
  "write.ratio": {
    about: "durable API writes, one at a time",
    unit: "of raw etcd",
    budget: 0.5,
    atLeast: true,
  },
  "write.api32": { about: "durable API writes, 32 at a time", unit: "writes/s" },
  "write.raw32": { about: "raw etcd puts, 32 at a time", unit: "writes/s" },
  "write.ratio32": {
    about: "durable API writes, 32 at a time",
    unit: "of raw etcd",
    budget: 0.5,
    atLeast: true,
  },
  "vm.boot": { about: "power-on to Node API, p50 of 3", unit: "s", budget: 25 },
  "vm.rssNode": { about: "node agent in a machine, idle RSS", unit: "MiB", budget: 80 },
  "vm.cpuNode": { about: "node agent in a machine, idle CPU", unit: "%", budget: 1 },
  "vm.rssCurator": { about: "curator in a machine, idle RSS", unit: "MiB" },
  "vm.cpuCurator": { about: "curator in a machine, idle CPU", unit: "%" },
  "vm.rssEtcd": { about: "etcd in a machine, idle RSS", unit: "MiB" },
  "vm.cpuEtcd": { about: "etcd in a machine, idle CPU", unit: "%" },
  "vm.three": {
    about: "3 blank disks to 3 voting members, installations apart",
    unit: "s",
    budget: 150,
  },
  "vm.threeInstalled": { about: "3 blank disks to 3 voting members", unit: "s", budget: 150 },
} as const satisfies Readonly<Record<string, Measure>>;

/** The name of a measure. */
export type Name = keyof typeof measures;

/** What was measured. */
export type Results = Partial<Record<Name, number>>;

/** A value beside its budget. */
export interface Verdict {
  readonly name: Name;
  readonly value: number;
  readonly unit: string;
  readonly budget?: number;
  /** The share of the budget that is used; above 1 it is missed. */
  readonly ratio?: number;
}

/** Judges results, in the order of the measures. */
export function judge(results: Results): readonly Verdict[] {
  return names().flatMap((name) => {
    const value = results[name];
    if (value === undefined) return [];
    const { unit, budget, atLeast }: Measure = measures[name];
    if (budget === undefined) return [{ name, value, unit }];
    const ratio = atLeast ? budget / value : value / budget;
    return [{ name, value, unit, budget, ratio }];
  });
}

function names(): readonly Name[] {
  return Object.keys(measures).filter((name): name is Name => name in measures);
}

/** Whether the budget is missed. */
export function isMissed({ ratio }: Verdict): boolean {
  // Not a number is no success.
  return ratio !== undefined && !(ratio <= 1);
}

/** A table for people. */
export function table(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => {
    const { name, value, unit, budget, ratio } = verdict;
    const { about, atLeast }: Measure = measures[name];
    const bound = budget === undefined ? "" : `${atLeast ? "≥" : "≤"} ${budget}`;
    const used = ratio === undefined ? "" : ratio.toFixed(2);
    return [about, round(value), unit, bound, used, isMissed(verdict) ? "MISSED" : ""];
  });
  return align([["what", "value", "unit", "budget", "ratio", ""], ...rows]);
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function align(rows: readonly (readonly string[])[]): string {
  const widths =
    rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          at === 1 ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
