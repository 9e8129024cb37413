// Which nodes a command is about: IDs as arguments, `all` or none for every
// node, and a CEL filter on top.
import { UserError } from "../output/user-error.ts";
import type { Cluster } from "./cluster.ts";

/** Flags of commands that select nodes. */
export const filterArgs = {
  filter: {
    type: "string",
    description: "CEL over `node`, such as node.state == NODE_STATE_UP",
    valueHint: "expression",
  },
  ids: {
    type: "positional",
    required: false,
    description: "Node IDs; none or `all` for every node",
  },
} as const;

/**
 * The selected nodes in the cluster's order.
 *
 * Throws a {@link UserError} for an ID that no node (left by the filter) has,
 * unless `mayMiss` says that nodes may be gone meanwhile.
 */
export async function selectNodes(
  cluster: Cluster,
  ids: readonly string[],
  filter = "",
  { mayMiss = false } = {},
) {
  const nodes = await cluster.nodes(filter);
  if (ids.length === 0 || ids.includes("all")) return nodes;
  const wanted = new Set(ids);
  const found = nodes.filter(({ id }) => wanted.delete(id));
  const [missing] = wanted;
  if (missing !== undefined && !mayMiss)
    throw new UserError(`no node ${missing}: metroctl node list prints those there are`);
  return found;
}
