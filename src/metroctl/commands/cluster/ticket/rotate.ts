// `metroctl cluster ticket rotate`: a new ticket, for when the old one has leaked.
import { defineCommand } from "citty";
import { answer } from "../../../output/message.ts";
import { openCluster } from "../../../session/cluster.ts";
import { clusterArgs } from "../../../session/cluster-args.ts";

export default defineCommand({
  meta: { name: "rotate", description: "Replace the register ticket; the old one is revoked" },
  args: clusterArgs,
  async run({ args }) {
    using cluster = await openCluster(args);
    await cluster.management.rotateRegisterTicket({});
    answer(
      "Rotated the register ticket. Media with the old one cannot register any more: write new ones with metroctl install genusb",
    );
  },
});
