// A cluster on this workstation, from nothing to its owner: the handbook's demo, made
// of the same steps an operator takes by hand. Its nodes are virtual machines that are
// installed from a medium, or plain processes that find their parameters in place.
import { join } from "node:path";
import { sleep, within } from "../../base/event/event.ts";
import {
  type Cluster,
  createCluster,
  destroyCluster,
  type Machine,
  type MachineNetwork,
} from "../../launcher/launcher.ts";
import { errorLine } from "../output/error-line.ts";
import { InterruptedError, UserError } from "../output/user-error.ts";
import { clusterConfiguration } from "./bootstrap-args.ts";
import { type ContextFolder, contextFiles, forgetContext } from "./context.ts";
import { interrupt } from "./interrupt.ts";
import { addNodes } from "./local-nodes.ts";
import { writeMedium } from "./medium.ts";
import { bootstrapParameters } from "./node-parameters.ts";
import { takeOwnership } from "./take-ownership.ts";

/** What nodes are made of. */
export type Making =
  | {
      readonly kind: "machines";
      readonly bundle: string;
      readonly disk: string;
      readonly memory: string;
    }
  | {
      readonly kind: "processes";
      /** The folder with etcd and etcdutl. */
      readonly programs: string;
    };

/** What to make. */
export interface LocalCluster {
  /** The context of that name holds the keys afterwards. */
  readonly context: ContextFolder;
  readonly config: string;
  readonly nodes: number;
  /** Machines beyond those stay off. */
  readonly spare?: number;
  readonly making: Making;
  /** What machines are plugged into, where that is not the usual; for tests. */
  readonly networks?: readonly Partial<MachineNetwork>[];
  /** As `--bootstrap-storage-security` wants it, where it is not the default; for tests. */
  readonly storageSecurity?: string;
  /** It ends with this process, however that ends; for tests. */
  readonly isBound?: boolean;
  /** Tells what happens; called when each step begins. */
  readonly step: (text: string) => void;
}

/** Under emulation a boot takes half a minute, an installation a few. */
const INSTALL_TIMEOUT_MS = 20 * 60_000;
const BOOT_TIMEOUT_MS = 10 * 60_000;
const RETRY_MS = 100;

/**
 * Makes the cluster and takes ownership of it. Leaves nothing behind when it
 * fails or is interrupted. Throws a {@link UserError} that names what went wrong.
 */
export async function createLocalCluster(options: LocalCluster): Promise<Cluster> {
  const { context, step } = options;
  requireUnused(options);
  step(`Making cluster ${context.name}: ${describe(options)}`);
  // Bound to this process until it is owned: a crash on the way leaves nothing behind either.
  const cluster = await createCluster({ ...launching(options), name: context.name, isBound: true });
  const undo = async () => {
    await cluster.destroy();
    forgetContext(options.config, context.name);
  };
  using interrupted = interrupt();
  const stopped = new InterruptedError(`interrupted: cluster ${context.name} was destroyed again`);
  try {
    await within(bringUp(cluster, options, interrupted.signal), interrupted.signal);
    if (options.isBound !== true) await cluster.release();
    return cluster;
  } catch (error) {
    await undo();
    throw interrupted.signal.aborted ? stopped : error;
  }
}

/** What fails, or is destroyed one day, takes the context with it: no keys of another cluster. */
function requireUnused({ context, config }: LocalCluster): void {
  const { name } = context;
  if (context.path === config) {
    throw new UserError("the default context cannot be removed again: name the cluster otherwise");
  }
  const { ownerKey, ownerCertificate, recoveryKey } = contextFiles;
  const found = [ownerKey, ownerCertificate, recoveryKey].filter((file) => context.read(file));
  if (found.length === 0) return;
  throw new UserError(
    `context ${name} holds ${found.join(", ")} already: choose another name for the cluster`,
  );
}

function describe({ nodes, making }: LocalCluster): string {
  if (making.kind === "processes") return `${amount(nodes, "node")} as processes`;
  return `${amount(nodes, "machine")} with ${making.disk} disk and ${making.memory} memory`;
}

function amount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function launching({ nodes, spare = 0, making, networks = [] }: LocalCluster) {
  const machines = Array.from({ length: nodes + spare }, (_, index) => {
    const network = networks[index];
    return network === undefined ? {} : { network };
  });
  if (making.kind === "processes") return { machines, programs: making.programs };
  const { disk, memory } = making;
  return { machines: machines.map((machine) => ({ ...machine, disk, memory })) };
}

async function bringUp(cluster: Cluster, options: LocalCluster, signal: AbortSignal) {
  const { config, context, nodes, making, step } = options;
  const { storageSecurity = "needs-encryption-and-authentication" } = options;
  const isVirtual = making.kind === "machines";
  const parameters = await bootstrapParameters(
    { config, context: context.name },
    clusterConfiguration({
      "bootstrap-tpm-mode": isVirtual ? "required" : "disabled",
      "bootstrap-storage-security": storageSecurity,
      cluster: "cluster.internal",
    }),
  );
  await install([cluster.machine()], parameters, { cluster, options, signal });
  await own(cluster, options);
  if (nodes === 1) return;
  await addNodes({
    args: { config, context: context.name },
    count: nodes,
    install: (bytes) =>
      install(cluster.machines.slice(1, nodes), bytes, { cluster, options, signal }),
    ...{ step, signal },
  });
  const { endpoints: _, ...reach } = context.reach();
  context.saveReach({ ...reach, endpoints: addresses(cluster, nodes) });
}

function addresses({ machines }: Cluster, nodes: number): readonly string[] {
  return machines.slice(0, nodes).map(({ address }) => address);
}

/** What an installation needs besides machines and their parameters. */
interface Site {
  readonly cluster: Cluster;
  readonly options: LocalCluster;
  readonly signal: AbortSignal;
}

/** Starts machines as new ones that become what the parameters say. */
async function install(machines: readonly Machine[], parameters: Uint8Array, site: Site) {
  const { making, step } = site.options;
  if (making.kind === "processes") {
    step(`Starting ${names(machines)}`);
    for (const machine of machines) machine.install(parameters);
    await Promise.all(machines.map((machine) => machine.powerOn()));
    return;
  }
  const medium = join(site.cluster.directory, `medium-${machines[0]?.number}.img`);
  const { bundle } = making;
  step("Writing the installation medium");
  await writeMedium({
    ...{ target: medium, bundle, parameters },
    isConfirmed: true,
    progress: () => {},
    signal: site.signal,
  });
  step(`Starting ${names(machines)} from the medium`);
  await Promise.all(machines.map((machine) => installFrom(medium, machine, step)));
}

function names(machines: readonly Machine[]): string {
  const numbers = machines.map(({ number }) => number);
  return `${numbers.length === 1 ? "node" : "nodes"} ${numbers.join(" and ")}`;
}

async function installFrom(medium: string, machine: Machine, step: (text: string) => void) {
  await machine.installFrom(medium, INSTALL_TIMEOUT_MS, (line) =>
    step(`Node ${machine.number}: ${line}`),
  );
  step(`Node ${machine.number} restarts from its disk`);
}

/** Asks for ownership until the node serves; refusals by a reachable cluster end it. */
async function own(cluster: Cluster, { context, step }: LocalCluster): Promise<void> {
  const { address } = cluster.machine();
  const limit = performance.now() + BOOT_TIMEOUT_MS;
  for (;;) {
    try {
      const taking = { endpoint: address, proxy: cluster.proxy, acceptAnyCa: false };
      await takeOwnership(context, taking);
      return step("The cluster has its owner");
    } catch (error) {
      if (error instanceof UserError) throw error;
      if (performance.now() > limit)
        throw new UserError(
          `node 1 does not answer: ${errorLine(error)}; see metroctl cluster console`,
        );
      await sleep(RETRY_MS);
    }
  }
}

/** Ends a local cluster and forgets its context. */
export async function destroyLocalCluster(config: string, name: string): Promise<void> {
  await destroyCluster(name);
  forgetContext(config, name);
}
