// Which program this system is for: the node agent or the installer.
import { kindOf, magic } from "../base/linux/statfs.ts";

/** A program that init can run as the machine's purpose. */
export type Role = "node" | "installer";

/**
 * A system that runs from memory is an installer's; a node runs from the file system that the
 * kernel verified.
 */
export function roleFor(rootKind: bigint): Role {
  return rootKind === magic.ramfs || rootKind === magic.tmpfs ? "installer" : "node";
}

/** The role for the system that runs now. */
export function chooseRole(): Role {
  return roleFor(kindOf("/"));
}
