// A key that is to replace the owner's, and may do so already; see rotate-owner.ts.
import { type ContextFolder, contextFiles } from "./context.ts";
import { connectLeader, type Following } from "./leader.ts";
import { adoptOwner, initialCredentials, loadOwnerKey } from "./owner.ts";
import { escrow, NotOwnerError } from "./take-ownership.ts";

/**
 * Finishes a rotation of which only the cluster knows that it happened; false where there is
 * none, or it did not happen: then the key of before still owns the cluster.
 */
export async function finishRotation(
  context: ContextFolder,
  way: Omit<Following, "credentials">,
): Promise<boolean> {
  const next = loadOwnerKey(context, contextFiles.nextOwnerKey);
  if (next === undefined) return false;
  try {
    using leader = await connectLeader({ ...way, credentials: await initialCredentials(next) });
    const { publicKey } = next;
    adoptOwner(context, next, await escrow(leader, { ca: way.ca, publicKey }));
    return true;
  } catch (error) {
    if (error instanceof NotOwnerError) return false;
    throw error;
  }
}
