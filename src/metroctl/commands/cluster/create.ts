// `metroctl cluster create [name]`: a cluster of virtual machines on this
// workstation, for trying things out and for tests.
import { defineCommand } from "citty";
import { say } from "../../output/message.ts";
import { UsageError } from "../../output/user-error.ts";
import { ContextFolder, configFolder } from "../../session/context.ts";
import { createLocalCluster } from "../../session/local-cluster.ts";

export default defineCommand({
  meta: { name: "create", description: "Make a cluster of virtual machines on this workstation" },
  args: {
    config: { type: "string", description: "Configuration folder" },
    bundle: {
      type: "string",
      alias: "b",
      description: "Installation bundle",
      valueHint: "bundle.zip",
    },
    disk: { type: "string", default: "4G", description: "Size of the node's disk" },
    memory: { type: "string", default: "2G", description: "Memory of the node" },
    name: {
      type: "positional",
      required: false,
      default: "local",
      description: "Name of cluster and context",
    },
  },
  async run({ args }) {
    if (args.bundle === undefined)
      throw new UsageError("--bundle=<installation-bundle-path> is missing");
    const config = configFolder(args.config);
    const context = new ContextFolder(config, args.name);
    const start = performance.now();
    const step = (text: string) =>
      say(`[${((performance.now() - start) / 1000).toFixed(0)} s] ${text}`);
    const { bundle, disk, memory } = args;
    const cluster = await createLocalCluster({ context, config, bundle, disk, memory, step });
    step(`Cluster ${cluster.name} is yours: its nodes are reached through ${cluster.proxy}`);
    say(`Go on with: metroctl --context ${cluster.name} node describe`);
    say(`Destroy it with: metroctl cluster destroy ${cluster.name}`);
  },
});
