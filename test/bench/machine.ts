// Power-on to Node API of an installed machine, in QEMU with firmware, Secure
// Boot, verity, TPM and encrypted disk.
import { sleep } from "../../src/base/event/event.ts";
import { quantile } from "../cluster/support.ts";
import { continueFrom, golden, powerOff, untilServing, useOwnState } from "../vm/golden.ts";
import type { Results } from "./budgets.ts";

const BOOTS = 3;

/** Boots a machine that belongs to a cluster already. */
export async function machine(): Promise<Results> {
  useOwnState();
  const { owned } = await golden();
  await using cluster = await continueFrom("bench", owned);
  const node = cluster.machine();
  const times: number[] = [];
  for (let boot = 0; boot < BOOTS; boot++) {
    await node.powerOn();
    times.push((await untilServing(cluster, node)) / 1000);
    await powerOff(cluster, node);
    await sleep(1_000);
  }
  return { "vm.boot": quantile(times, 0.5) };
}
