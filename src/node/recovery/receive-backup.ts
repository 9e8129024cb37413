// A new machine that waits for a backup: only who made its medium can bring one, and the
// machine proves to him that it was made from that medium, before it is told anything.
import { open, rm } from "node:fs/promises";
import { Lock, within } from "../../base/event/event.ts";
import { errorText, type Logger } from "../../base/logtree/logtree.ts";
import { selfSigned } from "../../base/pki/certificate.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { certificatePem, type KeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { ownershipProof } from "../../base/pki/ownership-proof.ts";
import { BackupError, type BackupFacts, verifyBackup } from "../../base/pki/signed-backup.ts";
import { selfSignedKey } from "../../base/pki/verify.ts";
import {
  type Call,
  Code,
  type Implementation,
  RpcError,
  serve,
  service,
  smallLimits,
} from "../../base/rpc/rpc.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";

const NONCE_BYTES = { least: 16, most: 64 };

/** How long the answer may take to leave. */
const GRACE_MS = 2_000;

/** What is waited for. */
export interface Waiting {
  /** Where the snapshot in the backup goes. */
  readonly file: string;
  /** By this key the machine proves itself in TLS. */
  readonly key: KeyPair;
  readonly ownerPublicKey: Uint8Array;
  readonly ownershipSecret: Uint8Array;
  /** Of the CA that must have signed the backup. */
  readonly caFingerprint: string;
  /** Makes use of the file, which is the cluster's own. Throws where etcd cannot. */
  readonly takeIn: () => Promise<void>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Waits for a backup, however long that takes, and until it is taken in. */
export async function receiveBackup(
  waiting: Waiting,
  listen: { readonly host: string; readonly port: number },
): Promise<void> {
  const { key, log, signal } = waiting;
  const taken = Promise.withResolvers<void>();
  const certificate = certificatePem(await selfSigned(key));
  await using server = await serve({
    services: [service(Recovery, handlers(waiting, taken.resolve))],
    authorize: (call) => admit(call, waiting.ownerPublicKey),
    isMember: (certificates) => isOwner(selfSignedKey(certificates), waiting.ownerPublicKey),
    // The owner, whose key is all that he has yet, sends the backup in pieces of 32 KiB.
    limits: { ...smallLimits, nodeRequestBytes: smallLimits.requestBytes },
    // Nobody else is even told what is served.
    withReflection: false,
    withHealth: false,
    listen,
    tls: { keyPem: privateKeyPem(key), certificatePem: certificate },
    onError: (method, error) => log.warning(`${method.name} failed: ${errorText(error)}`),
  });
  await within(taken.promise, signal);
  await server.close(GRACE_MS);
}

/** Whoever holds the owner's key of the medium, and nobody else, not even to look. */
function admit(call: Call, ownerPublicKey: Uint8Array): void {
  const publicKey = selfSignedKey(call.peerCertificates);
  if (publicKey === undefined || !isOwner(publicKey, ownerPublicKey)) {
    throw new RpcError(Code.permissionDenied, "this is not the owner's key of the medium");
  }
  call.peer = { kind: "anonymous", publicKey };
}

function isOwner(key: Uint8Array | undefined, ownerPublicKey: Uint8Array): boolean {
  return key !== undefined && constantTimeEqual(key, ownerPublicKey);
}

function handlers(waiting: Waiting, done: () => void): Partial<Implementation<typeof Recovery>> {
  const lock = new Lock();
  let isTaken = false;
  return {
    proveNode: async ({ nonce }) => {
      if (nonce.length < NONCE_BYTES.least || nonce.length > NONCE_BYTES.most) {
        throw new RpcError(Code.invalidArgument, "nonce must be 16 to 64 bytes long");
      }
      const { ownershipSecret, key } = waiting;
      return { proof: ownershipProof("restore", ownershipSecret, nonce, key.publicKey) };
    },
    restore: async function* (requests) {
      await lock.hold(async () => {
        if (isTaken) throw new RpcError(Code.failedPrecondition, "the node has a backup already");
        await take(waiting, requests);
        isTaken = true;
        // Not after the answer: whoever sent the backup may have gone meanwhile.
        done();
      });
      yield {};
    },
  };
}

async function take(
  { file, caFingerprint, takeIn, log }: Waiting,
  requests: AsyncIterable<{ readonly data: Uint8Array }>,
): Promise<void> {
  // One that was refused may belong to etcd's user by now.
  await rm(file, { force: true });
  const handle = await open(file, "wx", 0o600);
  let facts: BackupFacts;
  try {
    facts = await verifyBackup(parts(requests), caFingerprint, (part) => handle.writeFile(part));
    await handle.sync();
  } catch (cause) {
    if (!(cause instanceof BackupError)) throw cause;
    log.error(`A backup was refused: ${cause.message}`);
    throw new RpcError(Code.invalidArgument, `the backup is refused: ${cause.message}`, { cause });
  } finally {
    await handle.close();
  }
  try {
    await takeIn();
  } catch (cause) {
    log.error(`The backup cannot be used: ${errorText(cause)}`);
    throw new RpcError(Code.invalidArgument, "etcd cannot use the backup", { cause });
  }
  const { cluster, time, revision } = facts;
  log.info(`Took in the backup of ${cluster} of ${time.toISOString()}, revision ${revision}`);
}

async function* parts(
  requests: AsyncIterable<{ readonly data: Uint8Array }>,
): AsyncGenerator<Uint8Array> {
  for await (const { data } of requests) yield data;
}
