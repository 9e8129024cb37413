// `metroctl node describe [ids…]`: what the cluster knows of its nodes.
import { defineCommand } from "citty";
import { orMembers } from "../../session/leaderless.ts";
import { showArgs, showNodes } from "./show.ts";

export default defineCommand({
  meta: { name: "describe", description: "Describe nodes" },
  args: showArgs,
  run: ({ args }) => orMembers(args, () => showNodes(args, "table")),
});
