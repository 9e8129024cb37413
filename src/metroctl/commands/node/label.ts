// `metroctl node label <id> key=value… key-…`: sets labels, or removes those
// with a dash behind them, as kubectl does; all of them or none.
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { UsageError } from "../../output/user-error.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { labelOf } from "../../session/label-words.ts";

export default defineCommand({
  meta: { name: "label", description: "Set labels (key=value) or remove them (key-)" },
  args: {
    ...clusterArgs,
    node: { type: "positional", required: true, description: "ID of the node" },
    labels: { type: "positional", required: true, description: "key=value, or key- to remove" },
  },
  async run({ args }) {
    const change = labelChange(args._.slice(1));
    using cluster = await openCluster(args);
    const { id } = await cluster.node(args.node);
    await cluster.management.updateNodeLabels({ node: { case: "id", value: id }, ...change });
    answer(`Labelled node ${id}`);
  },
});

/** The change that some words mean. Throws a {@link UsageError} for a word of neither form. */
export function labelChange(words: readonly string[]) {
  const upsert = words.filter((word) => word.includes("=")).map(labelOf);
  const removed = words.filter((word) => !word.includes("="));
  const wrong = removed.find((word) => !word.endsWith("-"));
  if (wrong !== undefined)
    throw new UsageError(`label ${wrong}: write key=value to set it, or ${wrong}- to remove it`);
  return { upsert, delete: removed.map((word) => word.slice(0, -1)) };
}
