// `metroctl takeownership <address>`: exchanges the owner key, made together
// with the installation medium, for the certificate of the cluster's owner.
// May be repeated: the cluster gives the same key the same certificate.
import { defineCommand } from "citty";
import { say } from "../output/message.ts";
import { UsageError } from "../output/user-error.ts";
import { clusterArgs } from "../session/cluster-args.ts";
import { chosenContext } from "../session/context.ts";
import { proxyOf, requireEndpoint } from "../session/endpoint.ts";
import { sayKubeconfig, writeKubeconfig } from "../session/kubeconfig.ts";
import { takeOwnership } from "../session/take-ownership.ts";

export default defineCommand({
  meta: { name: "takeownership", description: "Take ownership of a new cluster" },
  args: {
    ...clusterArgs,
    "insecure-accept-and-persist-first-encountered-ca": {
      type: "boolean",
      description: "Trust whichever cluster answers, without asking; for tests",
    },
    address: { type: "positional", required: false, description: "Address of the first node" },
  },
  async run({ args }) {
    const endpoint = args.address ?? args.endpoints;
    if (endpoint === undefined || endpoint.includes(","))
      throw new UsageError("name one node: metroctl takeownership <bootstrap-node-address>");
    requireEndpoint("takeownership", endpoint);
    const context = chosenContext(args);
    const taken = await takeOwnership(context, {
      endpoint,
      proxy: proxyOf(args) ?? context.reach().proxy,
      acceptAnyCa: args["insecure-accept-and-persist-first-encountered-ca"] === true,
    });
    say(
      "Successfully retrieved owner credentials! You now own this cluster. Setting up kubeconfig now...",
    );
    writeKubeconfig({ context, endpoint, ...taken });
    sayKubeconfig(context);
  },
});
