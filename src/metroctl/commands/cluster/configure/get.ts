// `metroctl cluster configure get <field>`: one field of the configuration.
import { defineCommand } from "citty";
import { answer } from "../../../output/message.ts";
import { openCluster } from "../../../session/cluster.ts";
import { clusterArgs } from "../../../session/cluster-args.ts";
import { clusterField, FIELD_NAMES, fieldText } from "../../../session/cluster-fields.ts";
import { configurationOf } from "../../../session/cluster-info.ts";

export default defineCommand({
  meta: { name: "get", description: "Print a field of the configuration" },
  args: {
    ...clusterArgs,
    field: { type: "positional", required: true, description: FIELD_NAMES },
  },
  async run({ args }) {
    const field = clusterField(args.field);
    using cluster = await openCluster(args);
    answer(`Value: ${fieldText(field, await configurationOf(cluster))}`);
  },
});
