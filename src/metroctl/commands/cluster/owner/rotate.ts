// `metroctl cluster owner rotate`: a new owner's key, for when the old one may be with others.
import { defineCommand } from "citty";
import { answer } from "../../../output/message.ts";
import { clusterArgs } from "../../../session/cluster-args.ts";
import { rotateOwner } from "../../../session/rotate-owner.ts";

export default defineCommand({
  meta: { name: "rotate", description: "Replace the owner's key; the old one is refused" },
  args: clusterArgs,
  async run({ args }) {
    await rotateOwner(args);
    answer(
      "Another key owns the cluster now, and is in this context; the old one is refused everywhere. Keep a copy of owner-key.pem, and make a new backup",
    );
  },
});
