// What `node reboot` and `node poweroff` share: one call to the node itself.
import { defineCommand } from "citty";
import { RebootRequest_Type as Type } from "../../../gen/metropolis/proto/api/management_pb.ts";
import { answer } from "../../output/message.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";

const verbs = {
  reboot: { type: Type.FIRMWARE, description: "Restart a machine", done: "Restarting node" },
  poweroff: {
    type: Type.POWER_OFF,
    description: "Switch a machine off",
    done: "Switching off node",
  },
} as const;

/** The command that ends a machine's work in one way or the other. */
export function powerCommand(name: keyof typeof verbs) {
  const { type, description, done } = verbs[name];
  return defineCommand({
    meta: { name, description },
    args: {
      ...clusterArgs,
      node: { type: "positional", required: true, description: "ID of the node" },
    },
    async run({ args }) {
      using cluster = await openCluster(args);
      const node = await cluster.node(args.node);
      const management = await cluster.nodeManagement(node);
      await management.reboot({ type });
      answer(`${done} ${node.id}`);
    },
  });
}
