// `metroctl cluster create [name]`: a cluster of virtual machines, or of plain
// processes, on this workstation, for trying things out and for tests.
import { defineCommand } from "citty";
import { buildOutputs } from "../../../launcher/launcher.ts";
import { say } from "../../output/message.ts";
import { UsageError } from "../../output/user-error.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { ContextFolder, configFolder } from "../../session/context.ts";
import { createLocalCluster, type Making } from "../../session/local-cluster.ts";
import { requireBundle } from "../../session/medium.ts";

export default defineCommand({
  meta: { name: "create", description: "Make a cluster on this workstation" },
  args: {
    config: clusterArgs.config,
    bundle: {
      type: "string",
      alias: "b",
      description: "Installation bundle",
      valueHint: "bundle.zip",
    },
    nodes: {
      type: "string",
      default: "1",
      description: "How many nodes it has",
      valueHint: "number",
    },
    processes: {
      type: "boolean",
      description: "Nodes are plain processes, up in seconds, without disks, TPM or firmware",
    },
    programs: {
      type: "string",
      description: "With --processes: the folder with etcd; by default where the build puts it",
      valueHint: "folder",
    },
    disk: {
      type: "string",
      default: "4G",
      description: "Size of each machine's disk",
      valueHint: "size",
    },
    memory: {
      type: "string",
      default: "2G",
      description: "Memory of each machine",
      valueHint: "size",
    },
    name: {
      type: "positional",
      required: false,
      default: "local",
      description: "Name of cluster and context",
    },
  },
  async run({ args }) {
    const making = makingOf(args);
    const nodes = nodeCount(args.nodes);
    if (making.kind === "machines") requireBundle(making.bundle);
    const config = configFolder(args.config);
    const context = new ContextFolder(config, args.name);
    const start = performance.now();
    const step = (text: string) =>
      say(`[${((performance.now() - start) / 1000).toFixed(0)} s] ${text}`);
    const cluster = await createLocalCluster({ context, config, nodes, making, step });
    step(`Cluster ${cluster.name} is yours: its nodes are reached through ${cluster.proxy}`);
    say(`Go on with: metroctl --context ${cluster.name} node describe`);
    say(`Destroy it with: metroctl cluster destroy ${cluster.name}`);
  },
});

const MOST_NODES = 99;

function requireSize(flag: string, text: string): void {
  if (/^0*[1-9]\d*[MGT]$/.test(text)) return;
  throw new UsageError(`${flag}=${text}: give a number and M, G or T, such as 4G`);
}

/** What the flags ask nodes to be made of. Throws a {@link UsageError} when they do not say. */
export function makingOf(args: {
  readonly processes?: boolean | undefined;
  readonly programs?: string | undefined;
  readonly bundle?: string | undefined;
  readonly disk: string;
  readonly memory: string;
}): Making {
  const { bundle, disk, memory } = args;
  if (args.processes === true)
    return { kind: "processes", programs: args.programs ?? buildOutputs() };
  if (bundle === undefined)
    throw new UsageError("--bundle=<installation-bundle-path> is missing (or give --processes)");
  requireSize("--disk", disk);
  requireSize("--memory", memory);
  return { kind: "machines", bundle, disk, memory };
}

/** How many nodes are asked for. Throws a {@link UsageError} where that is no number. */
export function nodeCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new UsageError(`--nodes=${text}: give a number from 1 to ${MOST_NODES}`);
}
