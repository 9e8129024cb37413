// `metroctl install genusb <target>`: writes an installation medium, to an
// image file or straight to a USB stick.
import { defineCommand } from "citty";
import { say } from "../../output/message.ts";
import { progressBar } from "../../output/progress.ts";
import { UsageError } from "../../output/user-error.ts";
import { bootstrapArgs, type Chosen, clusterConfiguration } from "../../session/bootstrap-args.ts";
import { type ClusterArgs, clusterArgs } from "../../session/cluster-args.ts";
import { interrupt } from "../../session/interrupt.ts";
import { labelList } from "../../session/label-words.ts";
import { checkPaths, writeMedium } from "../../session/medium.ts";
import {
  bootstrapParameters,
  registerParameters,
  restoreParameters,
} from "../../session/node-parameters.ts";

export default defineCommand({
  meta: { name: "genusb", description: "Write an installation medium" },
  args: {
    ...clusterArgs,
    ...bootstrapArgs,
    bundle: {
      type: "string",
      alias: "b",
      description: "Installation bundle (required)",
      valueHint: "bundle.zip",
    },
    label: {
      type: "string",
      description: "Labels of the node, separated by commas; repeatable",
      valueHint: "key=value",
    },
    yes: { type: "boolean", alias: "y", description: "Overwrite a device without asking" },
    target: { type: "positional", required: true, description: "New image file, or device" },
  },
  async run({ args }) {
    if (args.bundle === undefined)
      throw new UsageError("--bundle=<installation-bundle-path> is missing");
    const makeParameters = parametersOf(args);
    // Before the context gets keys that no medium would have.
    checkPaths({ target: args.target, bundle: args.bundle });
    const parameters = await makeParameters();
    say("Generating installer image (this can take a while, see issues/92).");
    await write({ ...args, bundle: args.bundle, parameters });
    const context = args.context === undefined ? "" : `--context ${args.context} `;
    const next = `metroctl ${context}${nextCommand(args)}`;
    say(`${args.target} is written and checked. Boot the machine from it, then: ${next}`);
  },
});

type Choice = ClusterArgs &
  Chosen & {
    readonly bootstrap?: boolean | undefined;
    readonly restore?: boolean | undefined;
    readonly label?: string | undefined;
  };

interface Work {
  readonly target: string;
  readonly bundle: string;
  readonly parameters: Uint8Array;
  readonly yes?: boolean | undefined;
}

/** Writes the medium with a progress line, which is gone at the end, and heeds Ctrl-C. */
async function write({ target, bundle, parameters, yes }: Work): Promise<void> {
  using progress = progressBar();
  using interrupted = interrupt();
  await writeMedium({
    ...{ target, bundle, parameters },
    isConfirmed: yes === true,
    progress: progress.update,
    signal: interrupted.signal,
  });
}

/** What goes on with the machine, once it is installed. */
function nextCommand({ bootstrap, restore }: Choice): string {
  if (bootstrap !== true) return "approve";
  return restore === true ? "cluster restore <address> <file>" : "takeownership <address>";
}

/** Reads all words at once, and gives what makes the parameters that they mean. */
function parametersOf(args: Choice): () => Promise<Uint8Array> | Uint8Array {
  const labels = labelList(args.label);
  if (args.restore === true) requireForRestoring(args, labels.length);
  if (args.bootstrap !== true) return () => registerParameters(args, labels);
  const configuration = clusterConfiguration(args);
  return args.restore === true
    ? () => restoreParameters(args, configuration)
    : () => bootstrapParameters(args, configuration, labels);
}

function requireForRestoring(args: Choice, labels: number): void {
  if (args.bootstrap !== true)
    throw new UsageError("--restore is for the first machine: give --bootstrap too");
  if (labels > 0) throw new UsageError("--label: restored nodes keep the labels of the backup");
}
