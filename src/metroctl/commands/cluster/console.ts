// `metroctl cluster console <name>`: the serial console of a local machine,
// from its first line on; Ctrl-C leaves it.
import { defineCommand } from "citty";
import { attachConsole } from "../../../launcher/launcher.ts";
import { endWithReader, writeOutput } from "../../output/output-guard.ts";
import { UsageError } from "../../output/user-error.ts";
import { interrupt } from "../../session/interrupt.ts";

export default defineCommand({
  meta: { name: "console", description: "Show the console of a local machine; Ctrl-C leaves it" },
  args: {
    machine: {
      type: "string",
      alias: "m",
      default: "1",
      description: "Number of the machine",
      valueHint: "number",
    },
    name: {
      type: "positional",
      required: false,
      default: "local",
      description: "Name of the cluster",
    },
  },
  async run({ args }) {
    if (!/^[1-9]\d?$/.test(args.machine))
      throw new UsageError(`--machine=${args.machine}: give the machine's number, from 1`);
    using interrupted = interrupt();
    endWithReader();
    const terminal = { input: process.stdin, write: writeOutput };
    await attachConsole(args.name, Number(args.machine), terminal, interrupted.signal);
  },
});
