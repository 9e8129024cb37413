// `metroctl cluster configure set <field> [values…]`: changes one field of the
// configuration, unless somebody else changed it in the meantime.
import { defineCommand } from "citty";
import { answer } from "../../../output/message.ts";
import { openCluster } from "../../../session/cluster.ts";
import { clusterArgs } from "../../../session/cluster-args.ts";
import { clusterField, fieldText } from "../../../session/cluster-fields.ts";
import { configurationOf } from "../../../session/cluster-info.ts";

export default defineCommand({
  meta: { name: "set", description: "Change a field of the configuration" },
  args: {
    ...clusterArgs,
    field: { type: "positional", required: true, description: "Name of the field" },
    values: { type: "positional", required: false, description: "Its new values" },
  },
  async run({ args }) {
    const field = clusterField(args.field);
    const newConfig = field.write(args._.slice(1));
    using cluster = await openCluster(args);
    const baseConfig = await configurationOf(cluster);
    const updateMask = { paths: [field.path] };
    const request = { baseConfig, newConfig, updateMask };
    const { resultingConfig } = await cluster.management.configureCluster(request);
    answer(`New value: ${fieldText(field, resultingConfig ?? baseConfig)}`);
  },
});
