// CuratorLocal.GetCACertificate: shows the cluster's CA to those who do not know
// it yet and, to the owner, that it is the right one.
import { fromBinary } from "@bufbuild/protobuf";
import type { Store } from "../../base/etcd/etcd.ts";
import { ownershipProof } from "../../base/pki/ownership-proof.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import type { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { InitialOwnerSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "../state/keys.ts";
import { reached } from "../state/leader-store.ts";

const SHORTEST_NONCE = 16;
const LONGEST_NONCE = 64;

/** Gives the CA. It never changes, so it is an argument. */
export function getCaCertificate(
  store: Pick<Store, "get">,
  ca: Uint8Array,
): Handler<typeof CuratorLocal.method.getCACertificate> {
  return async ({ nonce }) => {
    if (nonce.length === 0) return { identityCaCertificate: ca };
    if (nonce.length < SHORTEST_NONCE || nonce.length > LONGEST_NONCE) {
      throw new RpcError(
        Code.invalidArgument,
        `nonce must be ${SHORTEST_NONCE} to ${LONGEST_NONCE} bytes long`,
      );
    }
    const secret = await ownershipSecret(store);
    const proof = secret.length === 0 ? secret : ownershipProof("ownership", secret, nonce, ca);
    return { identityCaCertificate: ca, proof };
  };
}

async function ownershipSecret(store: Pick<Store, "get">): Promise<Uint8Array> {
  const item = await reached(store.get(keys.initialOwner));
  if (item === undefined) return new Uint8Array();
  return fromBinary(InitialOwnerSchema, item.value).ownershipSecret;
}
