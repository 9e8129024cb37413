// Power-on to Node API of an installed machine, in QEMU with firmware, Secure
// Boot, verity, TPM and encrypted disk; and what its programs take when it rests.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../../src/base/event/event.ts";
import type { Cluster, Machine } from "../../src/launcher/launcher.ts";
import { quantile } from "../cluster/support.ts";
import {
  continueFrom,
  golden,
  outputs,
  patience,
  powerOff,
  untilServing,
  useOwnState,
} from "../vm/golden.ts";
import { Operator } from "../vm/operator.ts";
import type { Results } from "./budgets.ts";

const BOOTS = 3;

/** How long what is waited for may be missing from the log; for machines that run natively. */
const LOG_MS = 90_000;
const POLL_MS = 5_000;

/** What the node logs when its data partition is prepared, and of each program. */
const WHOLE_DISK = /Data partition is ready in full/;
const USAGE = /(\S+) uses (\d+) MiB, and ([\d.]+) % of a processor/g;

/** Boots a machine that belongs to a cluster already, and lets it rest after the last time. */
export async function machine(): Promise<Results> {
  useOwnState();
  const { owned, owner } = await golden();
  await using cluster = await continueFrom("bench", owned);
  const node = cluster.machine();
  const times: number[] = [];
  const boot = async () => {
    await node.powerOn();
    times.push((await untilServing(cluster, node)) / 1000);
  };
  const off = async () => {
    await powerOff(cluster, node);
    await sleep(1_000);
  };
  for (let count = 1; count < BOOTS; count++) {
    await boot();
    await off();
  }
  await boot();
  const folder = mkdtempSync(join(tmpdir(), "bench-owner-"));
  try {
    const said = await asOwner(cluster, node, new Operator(owner, outputs).copy(folder));
    // A node that still prepares its disk does not rest.
    await said("root.storage", (log) => (WHOLE_DISK.test(log) ? true : undefined));
    await off();
    await node.powerOn();
    await untilServing(cluster, node);
    const resting = await said("root.usage", usageIn);
    await node.kill();
    return { "vm.boot": quantile(times, 0.5), ...resting };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Said = <R>(dn: string, find: (log: string) => R | undefined) => Promise<R>;

/** Waits for what the node's log has at a DN. */
async function asOwner(cluster: Cluster, node: Machine, owner: Operator): Promise<Said> {
  const reach = ["--endpoints", node.address, "--proxy", cluster.proxy] as const;
  const [id = ""] = (await owner.persist(...reach, "node", "list")).split("\n");
  return async (dn, find) => {
    const limit = performance.now() + patience(cluster, LOG_MS);
    for (;;) {
      const { stdout } = await owner.attempt(...reach, "node", "logs", id, "--dn", dn);
      const found = find(stdout);
      if (found !== undefined) return found;
      if (performance.now() > limit) throw new TypeError(`not in the log of ${dn}:\n${stdout}`);
      await sleep(POLL_MS);
    }
  };
}

function usageIn(log: string): Results | undefined {
  const found = new Map(
    [...log.matchAll(USAGE)].map(([, name = "", memory, share]) => [
      name,
      { memory: Number(memory), share: Number(share) },
    ]),
  );
  const [node, curator, etcd] = ["node", "curator", "etcd"].map((name) => found.get(name));
  if (node === undefined || curator === undefined || etcd === undefined) return undefined;
  return {
    "vm.rssNode": node.memory,
    "vm.cpuNode": node.share,
    "vm.rssCurator": curator.memory,
    "vm.cpuCurator": curator.share,
    "vm.rssEtcd": etcd.memory,
    "vm.cpuEtcd": etcd.share,
  };
}
