// `metroctl k8s configure`: writes the kubeconfig entry again, as takeownership did.
import { defineCommand } from "citty";
import { certificatePem } from "../../../base/pki/keys.ts";
import { UserError } from "../../output/user-error.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { chosenContext } from "../../session/context.ts";
import { hostOf } from "../../session/endpoint.ts";
import { sayKubeconfig, writeKubeconfig } from "../../session/kubeconfig.ts";
import { reachOf } from "../../session/reach.ts";

export default defineCommand({
  meta: { name: "configure", description: "Set up kubeconfig for this cluster" },
  args: clusterArgs,
  async run({ args }) {
    const context = chosenContext(args);
    const { endpoints, proxy } = reachOf(args, context);
    using cluster = await openCluster(args);
    const { clusterDirectory } = await cluster.management.getClusterInfo({});
    const [endpoint = ""] = endpoints;
    const nodes = clusterDirectory?.nodes ?? [];
    const here = hostOf(endpoint);
    const node = nodes.find(({ addresses }) => addresses.some(({ host }) => host === here));
    const nodeId = (node ?? nodes[0])?.id;
    if (nodeId === undefined) throw new UserError("the cluster's directory names no node");
    writeKubeconfig({ context, endpoint, proxy, caPem: certificatePem(cluster.ca), nodeId });
    sayKubeconfig(context);
  },
});
