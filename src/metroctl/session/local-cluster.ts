// A cluster of virtual machines on this workstation, from blank disks to its
// owner: the handbook's demo, made of the same steps an operator takes by hand.
import { join } from "node:path";
import { within } from "../../base/event/event.ts";
import { type Cluster, createCluster, destroyCluster } from "../../launcher/launcher.ts";
import { errorLine } from "../output/error-line.ts";
import { UserError } from "../output/user-error.ts";
import { clusterConfiguration } from "./bootstrap-args.ts";
import { type ContextFolder, forgetContext } from "./context.ts";
import { interrupt } from "./interrupt.ts";
import { writeMedium } from "./medium.ts";
import { bootstrapParameters } from "./node-parameters.ts";
import { takeOwnership } from "./take-ownership.ts";

/** What to make. */
export interface LocalCluster {
  /** The context of that name holds the keys afterwards. */
  readonly context: ContextFolder;
  readonly config: string;
  readonly bundle: string;
  readonly disk: string;
  readonly memory: string;
  /** Tells what happens; called when each step begins. */
  readonly step: (text: string) => void;
}

/** Under emulation a boot takes half a minute, an installation a few. */
const INSTALL_TIMEOUT_MS = 20 * 60_000;
const BOOT_TIMEOUT_MS = 10 * 60_000;
const RETRY_MS = 500;

/**
 * Makes the cluster and takes ownership of it. Leaves nothing behind when it
 * fails or is interrupted. Throws a {@link UserError} that names what went wrong.
 */
export async function createLocalCluster(options: LocalCluster): Promise<Cluster> {
  const { context, disk, memory, step } = options;
  step(`Making machine 1 of cluster ${context.name}: ${disk} disk, ${memory} memory`);
  const machines = [{ disk, memory }];
  // Bound to this process until it is owned: a crash on the way leaves nothing behind either.
  const cluster = await createCluster({ name: context.name, machines, isBound: true });
  const undo = async () => {
    await cluster.destroy();
    forgetContext(options.config, context.name);
  };
  using interrupted = interrupt();
  const stopped = new UserError(`interrupted: cluster ${context.name} was destroyed again`);
  try {
    await within(bringUp(cluster, options, interrupted.signal), interrupted.signal);
    await cluster.release();
    return cluster;
  } catch (error) {
    await undo();
    throw interrupted.signal.aborted ? stopped : error;
  }
}

async function bringUp(cluster: Cluster, options: LocalCluster, signal: AbortSignal) {
  await install(cluster, options, signal);
  await own(cluster, options);
}

async function install(
  cluster: Cluster,
  { context, config, bundle, step }: LocalCluster,
  signal: AbortSignal,
) {
  step("Writing the installation medium");
  const medium = join(cluster.directory, "medium.img");
  const parameters = await bootstrapParameters(
    { config, context: context.name },
    clusterConfiguration({
      "bootstrap-tpm-mode": "required",
      "bootstrap-storage-security": "needs-encryption-and-authentication",
      cluster: "cluster.internal",
    }),
  );
  await writeMedium({
    target: medium,
    bundle,
    parameters,
    isConfirmed: true,
    progress: () => {},
    signal,
  });
  const machine = cluster.machine();
  step("Starting it from the medium");
  await machine.powerOn({ medium, detachOnReset: true });
  const [line] = await machine.console.waitFor(/Installing to \/dev\/\S+\.\.\./, {
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
  step(line ?? "Installing");
}

/** Asks for ownership until the node serves; refusals by a reachable cluster end it. */
async function own(cluster: Cluster, { context, step }: LocalCluster): Promise<void> {
  const { address, console } = cluster.machine();
  await console.waitFor(/rebooting|restarting/i, { timeoutMs: INSTALL_TIMEOUT_MS });
  step("Restarting from its disk");
  const limit = performance.now() + BOOT_TIMEOUT_MS;
  for (;;) {
    try {
      const taking = { endpoint: address, proxy: cluster.proxy, acceptAnyCa: false };
      return void (await takeOwnership(context, taking));
    } catch (error) {
      if (error instanceof UserError) throw error;
      if (performance.now() > limit)
        throw new UserError(
          `node 1 does not answer: ${errorLine(error)}; see metroctl cluster console`,
        );
      await Bun.sleep(RETRY_MS);
    }
  }
}

/** Ends a local cluster and forgets its context. */
export async function destroyLocalCluster(config: string, name: string): Promise<void> {
  await destroyCluster(name);
  forgetContext(config, name);
}
