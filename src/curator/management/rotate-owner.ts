// Management.RotateOwner: another key owns the cluster from now on.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { KeyValue } from "../../base/etcd/etcd.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { provesRotation } from "../../base/pki/owner-rotation.ts";
import { type Call, Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import {
  type InitialOwner,
  InitialOwnerSchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import type { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { replaceUser } from "../state/cluster-pki.ts";
import { keys } from "../state/keys.ts";
import type { Leader } from "../state/leader.ts";
import { requireKey } from "../state/nodes.ts";
import { OWNER } from "../state/owner.ts";

const PROOF_BYTES = 64;

/** Replaces key and certificate of the owner in one transaction. */
export function rotateOwner(leader: Leader): Handler<typeof Management.method.rotateOwner> {
  return async ({ newPublicKey, proof }, call) => {
    requireKey(newPublicKey, "new_public_key");
    const ca = await leader.ca();
    const { item, owner } = await storedOwner(leader);
    requirePresent(call, owner);
    const rotation = { ca: ca.certificate, present: owner.publicKey };
    if (proof.length !== PROOF_BYTES || !provesRotation(proof, newPublicKey, rotation)) {
      throw new RpcError(Code.invalidArgument, "proof is not the signature by new_public_key");
    }
    const { certificate, writes, compares } = await replaceUser(
      leader.store,
      ca,
      newPublicKey,
      OWNER,
    );
    const value = toBinary(InitialOwnerSchema, { ...owner, publicKey: newPublicKey });
    // Two at a time, or a leader that was replaced: only one of them finds what it has read.
    await leader.store.commit(
      [{ put: keys.initialOwner, value }, ...writes],
      [{ key: keys.initialOwner, modRevision: item.modRevision }, ...compares],
    );
    leader.log.info("The owner's key was replaced");
    return { certificate };
  };
}

async function storedOwner({ store }: Leader): Promise<{ item: KeyValue; owner: InitialOwner }> {
  const item = await store.get(keys.initialOwner);
  if (item === undefined) throw new RpcError(Code.failedPrecondition, "the cluster has no owner");
  return { item, owner: fromBinary(InitialOwnerSchema, item.value) };
}

/** Who was let in a moment ago may have been replaced since. */
function requirePresent({ peer }: Call, { publicKey }: InitialOwner): void {
  if (peer?.kind === "user" && constantTimeEqual(peer.publicKey, publicKey)) return;
  throw new RpcError(Code.permissionDenied, "only the present owner can name the next");
}
