// Pulling the plug somewhere between the first boot from the disk and takeownership,
// at a moment that a seed decides; and what becomes of the machine then.
import { join } from "node:path";
import { continueFrom, type Golden, outputs, scratch, untilServing } from "./golden.ts";
import { Operator } from "./operator.ts";

/** How one power cut ended. */
export interface PowerCut {
  readonly seed: number;
  /** When the plug was pulled, after power-on. */
  readonly cutMs: number;
  /** What the node was last seen doing. */
  readonly during: string;
  /** From the second power-on to an open Cluster API. */
  readonly servingMs: number;
  /** The row of `node describe` in the end. */
  readonly node: string;
}

/**
 * How far moments reach beyond the node's first sign of life: a cut some seconds
 * after enrolment finds what was acknowledged but not yet on the disk.
 */
const REACH = 1.5;

/** The moment that a seed means, from 0 up to but not including 1. */
export function moment(seed: number): number {
  // Mulberry32: well spread even for seeds in a row.
  let state = (seed + 0x6d2b79f5) | 0;
  state = Math.imul(state ^ (state >>> 15), state | 1);
  state ^= state + Math.imul(state ^ (state >>> 7), state | 61);
  return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32;
}

/** Cuts the power of a freshly installed machine once. Throws when it never serves after that. */
export async function cutPower(seed: number, from: Golden): Promise<PowerCut> {
  await using cluster = await continueFrom(`cut-${seed}`, from.installed);
  const machine = cluster.machine();
  await machine.powerOn();
  const cutMs = Math.round(moment(seed) * REACH * from.walk.firstBootMs);
  await Bun.sleep(cutMs);
  await machine.kill();
  const during = lastStep(machine.console.text());
  await machine.powerOn();
  const servingMs = Math.round(await untilServing(cluster, machine));
  const owner = new Operator(from.candidate, outputs).copy(scratch(join("owners", String(seed))));
  await owner.persist("--proxy", cluster.proxy, "takeownership", machine.address);
  const rows = await owner.persist("node", "describe");
  return { seed, cutMs, during, servingMs, node: rows.trim().split("\n").at(-1) ?? "" };
}

function lastStep(console: string): string {
  const steps = [...console.matchAll(/Bootstrapping: ([a-z][^\n]*)/g)];
  return steps.at(-1)?.[1] ?? "before enrolment";
}
