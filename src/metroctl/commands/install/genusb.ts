// `metroctl install genusb <target>`: writes an installation medium, to an
// image file or straight to a USB stick.
import { defineCommand } from "citty";
import { say } from "../../output/message.ts";
import { progressBar } from "../../output/progress.ts";
import { UsageError } from "../../output/user-error.ts";
import { bootstrapArgs, clusterConfiguration } from "../../session/bootstrap-args.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { interrupt } from "../../session/interrupt.ts";
import { writeMedium } from "../../session/medium.ts";
import { bootstrapParameters, registerParameters } from "../../session/node-parameters.ts";

export default defineCommand({
  meta: { name: "genusb", description: "Write an installation medium" },
  args: {
    ...clusterArgs,
    ...bootstrapArgs,
    bundle: {
      type: "string",
      alias: "b",
      description: "Installation bundle",
      valueHint: "bundle.zip",
    },
    yes: { type: "boolean", alias: "y", description: "Overwrite a device without asking" },
    target: { type: "positional", required: true, description: "New image file, or device" },
  },
  async run({ args }) {
    if (args.bundle === undefined)
      throw new UsageError("--bundle=<installation-bundle-path> is missing");
    const parameters = args.bootstrap
      ? await bootstrapParameters(args, clusterConfiguration(args))
      : await registerParameters(args);
    say("Generating installer image (this can take a while, see issues/92).");
    using progress = progressBar();
    using interrupted = interrupt();
    await writeMedium({
      target: args.target,
      bundle: args.bundle,
      parameters,
      isConfirmed: args.yes === true,
      progress: progress.update,
      signal: interrupted.signal,
    });
  },
});
