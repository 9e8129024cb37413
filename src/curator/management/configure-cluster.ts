// Management.ConfigureCluster: changes fields of the cluster's configuration,
// by a three-way comparison of what the caller saw, wants, and what there is.
import { clone, create, equals } from "@bufbuild/protobuf";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type {
  ConfigureClusterRequest,
  Management,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  type ClusterConfiguration,
  ClusterConfigurationSchema,
  ClusterConfiguration_KubernetesSchema as KubernetesSchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { configurationWrite, loadConfiguration } from "../state/configuration.ts";
import type { Leader } from "../state/leader.ts";

/** The only field that can be changed in a running cluster so far. */
const LABELS = "kubernetes.node_labels_to_synchronize";

/** Changes the fields of the mask. */
export function configureCluster({
  store,
  configurationLock,
}: Leader): Handler<typeof Management.method.configureCluster> {
  return async (request) => {
    const { wanted, base, paths } = checked(request);
    return configurationLock.hold(async () => {
      const current = await loadConfiguration(store);
      if (paths.length === 0) return { resultingConfig: current };
      if (base !== undefined && !equals(KubernetesSchema, labelsOf(base), labelsOf(current))) {
        throw new RpcError(Code.failedPrecondition, `${LABELS} was changed meanwhile`);
      }
      const resultingConfig = withLabels(current, wanted);
      await store.commit([configurationWrite(resultingConfig)]);
      return { resultingConfig };
    });
  };
}

interface Checked {
  readonly wanted: ClusterConfiguration;
  readonly base: ClusterConfiguration | undefined;
  readonly paths: readonly string[];
}

function checked({ newConfig, baseConfig, updateMask }: ConfigureClusterRequest): Checked {
  if (newConfig === undefined) throw invalid("new_config must be set");
  if (updateMask === undefined) throw invalid("update_mask must be set");
  for (const path of updateMask.paths) {
    if (path !== LABELS) throw invalid(`field ${JSON.stringify(path)} cannot be changed`);
    if (newConfig.kubernetes === undefined) throw invalid("new_config.kubernetes must be set");
    if (baseConfig !== undefined && baseConfig.kubernetes === undefined) {
      throw invalid("base_config.kubernetes must be set");
    }
  }
  return { wanted: newConfig, base: baseConfig, paths: updateMask.paths };
}

/** Only the field in question, so that others do not count in a comparison. */
function labelsOf({ kubernetes }: ClusterConfiguration) {
  const nodeLabelsToSynchronize = kubernetes?.nodeLabelsToSynchronize ?? [];
  return create(KubernetesSchema, { nodeLabelsToSynchronize });
}

function withLabels(
  current: ClusterConfiguration,
  wanted: ClusterConfiguration,
): ClusterConfiguration {
  const changed = clone(ClusterConfigurationSchema, current);
  changed.kubernetes ??= create(KubernetesSchema);
  changed.kubernetes.nodeLabelsToSynchronize = labelsOf(wanted).nodeLabelsToSynchronize;
  return changed;
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.invalidArgument, reason);
}
