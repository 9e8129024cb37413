// Three blank disks to three voting members, in QEMU, by the command that an operator
// would give; and the same without the time that the installer takes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContextFolder } from "../../src/metroctl/session/context.ts";
import { createLocalCluster } from "../../src/metroctl/session/local-cluster.ts";
import { outputs } from "../cluster/support.ts";
import { useOwnState } from "../vm/golden.ts";
import type { Results } from "./budgets.ts";

/** The steps between which machines boot the medium and write their disks. */
const installing = /^Starting .* from the medium$/;
const installed = /^The cluster has its owner$|^Waiting for them to register$/;
const restarting = /restarts from its disk$/;

/** Brings up a cluster of three, and ends it. */
export async function threeMachines(): Promise<Results> {
  useOwnState();
  const config = mkdtempSync(join(tmpdir(), "bench-three-"));
  const steps: { readonly text: string; readonly at: number }[] = [];
  const start = performance.now();
  const cluster = await createLocalCluster({
    context: new ContextFolder(config, "three"),
    ...{ config, nodes: 3, isBound: true },
    making: { kind: "machines", bundle: outputs("bundle.zip"), disk: "4G", memory: "2G" },
    step: (text) => steps.push({ text, at: performance.now() }),
  });
  const total = performance.now() - start;
  await cluster.destroy();
  rmSync(config, { recursive: true });
  return {
    "vm.three": (total - installation(steps)) / 1000,
    "vm.threeInstalled": total / 1000,
  };
}

/** Milliseconds in which all that happened was installation. */
function installation(steps: readonly { readonly text: string; readonly at: number }[]): number {
  let sum = 0;
  let began: number | undefined;
  let last: number | undefined;
  for (const { text, at } of steps) {
    if (installing.test(text)) began = at;
    if (restarting.test(text)) last = at;
    if (!installed.test(text) || began === undefined || last === undefined) continue;
    sum += last - began;
    began = undefined;
  }
  return sum;
}
