// `metroctl cluster configure set <field> [values…]`: changes one field of the
// configuration, unless somebody else changed it in the meantime.
import { create } from "@bufbuild/protobuf";
import { defineCommand } from "citty";
import { Code, RpcError } from "../../../../base/rpc/rpc.ts";
import { ClusterConfigurationSchema } from "../../../../gen/metropolis/proto/common/common_pb.ts";
import { answer, remark } from "../../../output/message.ts";
import { type Cluster, openCluster } from "../../../session/cluster.ts";
import { clusterArgs } from "../../../session/cluster-args.ts";
import {
  type ClusterField,
  clusterField,
  FIELD_NAMES,
  fieldText,
  type Part,
} from "../../../session/cluster-fields.ts";
import { configurationOf } from "../../../session/cluster-info.ts";

export default defineCommand({
  meta: { name: "set", description: "Change a field of the configuration" },
  args: {
    ...clusterArgs,
    field: { type: "positional", required: true, description: FIELD_NAMES },
    values: { type: "positional", required: false, description: "Its new values" },
  },
  async run({ args }) {
    const field = clusterField(args.field);
    const newConfig = field.write(args._.slice(1));
    using cluster = await openCluster(args);
    const baseConfig = await configurationOf(cluster);
    const updateMask = { paths: [field.path] };
    const request = { baseConfig, newConfig, updateMask };
    const changed = await cluster.management.configureCluster(request).then(
      ({ resultingConfig }) => resultingConfig,
      (error: unknown) => unlessDone(error, cluster, field, newConfig),
    );
    answer(`New value: ${fieldText(field, changed ?? baseConfig)}`);
    if (field.inEffect !== undefined) remark(`In effect ${field.inEffect}`);
  },
});

/** Where an answer got lost the call was made again, and found its own change. */
async function unlessDone(error: unknown, cluster: Cluster, field: ClusterField, wanted: Part) {
  const isConflict = error instanceof RpcError && error.code === Code.failedPrecondition;
  if (!isConflict) throw error;
  const current = await configurationOf(cluster);
  const hoped = create(ClusterConfigurationSchema, wanted);
  if (fieldText(field, current) !== fieldText(field, hoped)) throw error;
  return current;
}
