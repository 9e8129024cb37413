// `metroctl node list [ids…]`: the IDs of nodes.
import { defineCommand } from "citty";
import { showArgs, showNodes } from "./show.ts";

export default defineCommand({
  meta: { name: "list", description: "List the IDs of nodes" },
  args: showArgs,
  run: ({ args }) => showNodes(args, "ids"),
});
