// Who may call what, on every server of the Cluster API: the method says in its
// option what it needs, the caller's certificate says who calls. A method that
// says nothing is refused, so that forgetting it never opens a door.
import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import {
  type Authorization,
  authorization,
  Permission,
} from "../../gen/metropolis/proto/ext/authorization_pb.ts";
import type { Peer } from "../pki/peer.ts";
import {
  CertificateError,
  CertificateTimeError,
  selfSignedKey,
  verifyPeer,
} from "../pki/verify.ts";
import type { Call } from "./method.ts";
import { Code, RpcError } from "./rpc-error.ts";

/** What the certificate of a node entitles to; users hold every permission. */
const nodePermissions: ReadonlySet<Permission> = new Set([
  Permission.READ_CLUSTER_STATUS,
  Permission.UPDATE_NODE_SELF,
]);

/** What methods declare, which is read from the bytes of their descriptors each time. */
const requirements = new WeakMap<DescMethod, Authorization>();

function requirement(method: DescMethod): Authorization {
  const known = requirements.get(method);
  if (known !== undefined) return known;
  if (!hasOption(method, authorization)) {
    throw new RpcError(Code.internal, `method ${method.name} declares no authorization`);
  }
  const declared = getOption(method, authorization);
  requirements.set(method, declared);
  return declared;
}

/**
 * The `authorize` of a server whose cluster has the CA that `caDer` gives.
 *
 * Sets `call.peer`. Throws unauthenticated for callers without a certificate of
 * the cluster, permissionDenied for those who lack a permission, and internal
 * for methods that declare nothing.
 */
export function authorizeByOption(caDer: () => Uint8Array): (call: Call) => void {
  return (call) => {
    const { need, allowUnauthenticated } = requirement(call.method);
    if (allowUnauthenticated && need.length === 0) {
      // A certificate of the cluster counts for nothing here: only a key of one's own does.
      call.peer = { kind: "anonymous", publicKey: selfSignedKey(call.peerCertificates) };
      return;
    }
    call.peer = authenticate(call, caDer());
    refuseMissing(call.peer, need);
  };
}

/**
 * The `isMember` of such a server: whether certificates are those of a node or
 * user of the cluster.
 */
export function memberOf(
  caDer: () => Uint8Array,
): (certificates: readonly Uint8Array[]) => boolean {
  return (certificates) => {
    try {
      return verifyPeer(certificates, caDer()).kind !== "anonymous";
    } catch {
      // Whatever is wrong with them, the answer is no.
      return false;
    }
  };
}

/** The `isNode` of such a server: whether those who are members are no users. */
export function noUserOf(
  caDer: () => Uint8Array,
): (certificates: readonly Uint8Array[]) => boolean {
  return (certificates) => {
    try {
      return verifyPeer(certificates, caDer()).kind !== "user";
    } catch {
      // Members that are locked, or not committed yet, have keys of their own only.
      return true;
    }
  };
}

function authenticate(call: Call, caDer: Uint8Array): Peer {
  try {
    const peer = verifyPeer(call.peerCertificates, caDer);
    if (peer.kind !== "anonymous") return peer;
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const message = error instanceof CertificateTimeError ? error.fromAfar : error.message;
    throw new RpcError(Code.unauthenticated, message, { cause: error });
  }
  throw new RpcError(Code.unauthenticated, "a certificate of this cluster is needed");
}

function refuseMissing(peer: Peer, need: readonly Permission[]): void {
  if (peer.kind === "user") return;
  const missing = need.find((permission) => !nodePermissions.has(permission));
  if (missing === undefined) return;
  throw new RpcError(Code.permissionDenied, `permission ${Permission[missing]} is needed`);
}
