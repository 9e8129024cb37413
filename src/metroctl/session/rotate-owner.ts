// Replacing the owner's key. The next key is on the disk before the cluster hears of it, and
// the old one until the cluster has named the next: wherever power is cut, one of the two
// owns the cluster, and the command that comes next finds out which.
//
//   owner-key.next.pem ──► RotateOwner ──► owner.pem, owner-key.pem ──► no owner-key.next.pem
//            └── found later: does the cluster take it? ──┘
//
// The certificate comes first: with it the next key is of use, also at members that are locked
// and can give none. The other way round, neither key would have one until a leader is there.
//
// That the cluster has named it shows a certificate of its CA, and no answer else: who passes
// for the leader would cost the owner the only key that owns the cluster.
import { proveRotation } from "../../base/pki/owner-rotation.ts";
import { RpcError } from "../../base/rpc/rpc.ts";
import { UserError } from "../output/user-error.ts";
import { openCluster } from "./cluster.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { chosenContext, contextFiles } from "./context.ts";
import { finishRotation } from "./next-owner.ts";
import { adoptOwner, ensureOwnerKey, givenCertificate, loadOwnerKey } from "./owner.ts";

/**
 * Makes a new key the owner's, or finishes what an earlier command has begun.
 *
 * Throws a {@link UserError} before ownership was taken.
 */
export async function rotateOwner(args: ClusterArgs): Promise<void> {
  const context = chosenContext(args);
  const wasBegun = context.read(contextFiles.nextOwnerKey) !== undefined;
  using cluster = await openCluster(args);
  const isFinished = context.read(contextFiles.nextOwnerKey) === undefined;
  if (wasBegun && isFinished) return;
  const present = loadOwnerKey(context);
  if (present === undefined)
    throw new UserError(`context ${context.name} has no owner key: take ownership first`);
  const next = ensureOwnerKey(context, contextFiles.nextOwnerKey);
  const proof = proveRotation(next, { ca: cluster.ca, present: present.publicKey });
  try {
    const request = { newPublicKey: next.publicKey, proof };
    const { certificate } = await cluster.management.rotateOwner(request);
    const { ca } = cluster;
    adoptOwner(context, next, givenCertificate(certificate, { ca, publicKey: next.publicKey }));
  } catch (error) {
    // It may have happened all the same, and only the answer was lost.
    if (!(error instanceof RpcError)) throw error;
    if (await finishRotation(context, cluster.way)) return;
    throw new UserError("the owner's key was not replaced: the one of before owns the cluster", {
      cause: error,
    });
  }
}
