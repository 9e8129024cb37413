// AAA.Escrow: exchanges the proof of an identity for a certificate of it. The
// only identity so far is the owner, whose proof is the key that the cluster
// was made with.
import { fromBinary } from "@bufbuild/protobuf";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { type Call, Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import { InitialOwnerSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import {
  type AAA,
  type EscrowRequest_Parameters,
  EscrowResponse_ProofRequest_Kind as ProofKind,
} from "../../gen/metropolis/proto/api/aaa_pb.ts";
import { emitUser } from "../state/cluster-pki.ts";
import { keys } from "../state/keys.ts";
import type { Leader } from "../state/leader.ts";
import { requireKey } from "../state/nodes.ts";
import { OWNER } from "../state/owner.ts";

const refresh = [{ kind: ProofKind.REFRESH_CERTIFICATE }];

/** Gives the owner his certificate, the same one each time. */
export function escrow(leader: Leader): Handler<typeof AAA.method.escrow> {
  return async function* (requests, call) {
    const parameters = await firstParameters(requests);
    checkParameters(parameters);
    const shown = shownKey(call);
    if (shown === undefined) {
      // Tells what is missing before the call fails for lack of it.
      yield { needed: refresh };
      throw new RpcError(Code.unauthenticated, "connect with a self-signed certificate of the key");
    }
    if (!constantTimeEqual(shown, parameters.publicKey)) {
      throw new RpcError(Code.unimplemented, "public_key must be the key of the connection");
    }
    await requireOwner(leader, shown);
    // The client waits for this answer with its side of the stream still open.
    yield { fulfilled: refresh, emittedCertificate: await ownerCertificate(leader, shown) };
  };
}

async function firstParameters(
  requests: Parameters<Handler<typeof AAA.method.escrow>>[0],
): Promise<EscrowRequest_Parameters> {
  for await (const { parameters } of requests) {
    if (parameters !== undefined) return parameters;
    break;
  }
  throw new RpcError(Code.invalidArgument, "parameters must be set in the first request");
}

function checkParameters({ requestedIdentityName, publicKey }: EscrowRequest_Parameters): void {
  if (requestedIdentityName !== OWNER) {
    throw new RpcError(Code.unimplemented, `the only identity is ${OWNER}`);
  }
  requireKey(publicKey, "public_key");
}

function shownKey({ peer }: Call): Uint8Array | undefined {
  return peer?.kind === "anonymous" ? peer.publicKey : undefined;
}

async function requireOwner({ store }: Leader, key: Uint8Array): Promise<void> {
  const item = await store.get(keys.initialOwner);
  const owner = item === undefined ? undefined : fromBinary(InitialOwnerSchema, item.value);
  if (owner !== undefined && constantTimeEqual(owner.publicKey, key)) return;
  throw new RpcError(Code.permissionDenied, "this is not the owner's key");
}

async function ownerCertificate(leader: Leader, key: Uint8Array): Promise<Uint8Array> {
  const ca = await leader.ca();
  const { certificate, writes, compares } = await emitUser(leader.store, ca, key, OWNER);
  if (writes.length === 0) return certificate;
  // Without his certificate nobody could delete anything from a database that is full.
  await leader.store.commit(writes, compares, { isUpkeep: true });
  leader.log.info(`Issued a certificate for user ${OWNER}`);
  return certificate;
}
