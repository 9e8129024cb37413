// What `node add role` and `node remove role` share: several nodes at once,
// each on its own; the command fails if one did, after all were tried.
import { defineCommand } from "citty";
import { UsageError } from "../../output/user-error.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { eachNode } from "../../session/each-node.ts";

const roles = {
  consensusmember: "consensusMember",
  cm: "consensusMember",
  kubernetescontroller: "kubernetesController",
  kc: "kubernetesController",
  kubernetesworker: "kubernetesWorker",
  kw: "kubernetesWorker",
} as const;

const ROLE_WORDS = "ConsensusMember (cm), KubernetesController (kc), KubernetesWorker (kw)";

/** The request field of a role's name or short name. Throws a {@link UsageError} for any other. */
export function roleField(name: string): (typeof roles)[keyof typeof roles] {
  const found = Object.entries(roles).find(([known]) => known === name.toLowerCase());
  if (found === undefined) throw new UsageError(`no role ${name}: there are ${ROLE_WORDS}`);
  return found[1];
}

/** The command that gives a role to nodes, or takes it from them. */
export function roleCommand(verb: "add" | "remove") {
  const isGiven = verb === "add";
  return defineCommand({
    meta: {
      name: "role",
      description: isGiven ? "Give a role to nodes" : "Take a role from nodes",
    },
    args: {
      ...clusterArgs,
      role: { type: "positional", required: true, description: ROLE_WORDS },
      ids: { type: "positional", required: true, description: "Node IDs" },
    },
    async run({ args }) {
      const field = roleField(args.role);
      using cluster = await openCluster(args);
      const work = { title: "update roles", done: "Updated node" };
      await eachNode(args._.slice(1), work, (id) =>
        cluster.management.updateNodeRoles({ node: { case: "id", value: id }, [field]: isGiven }),
      );
    },
  });
}
