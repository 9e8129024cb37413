// `metroctl cluster ticket show`: the ticket that lets machines ask for admission.
import { defineCommand } from "citty";
import { answer } from "../../../output/message.ts";
import { openCluster } from "../../../session/cluster.ts";
import { clusterArgs } from "../../../session/cluster-args.ts";

export default defineCommand({
  meta: { name: "show", description: "Print the register ticket, a secret, as base64" },
  args: clusterArgs,
  async run({ args }) {
    using cluster = await openCluster(args);
    const { ticket } = await cluster.management.getRegisterTicket({});
    answer(Buffer.from(ticket).toString("base64"));
  },
});
