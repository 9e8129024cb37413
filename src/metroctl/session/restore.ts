// Bringing a backup to a new machine: it proves first that it was made from our medium,
// because it is told everything that the cluster knows.
import { randomBytes } from "node:crypto";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { ownershipProof } from "../../base/pki/ownership-proof.ts";
import { selfSignedKey } from "../../base/pki/verify.ts";
import { connect, NoConnectionError } from "../../base/rpc/rpc.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { UserError } from "../output/user-error.ts";
import { checkedContent } from "./backup-file.ts";
import { type ContextFolder, contextFiles } from "./context.ts";
import { initialCredentials, loadOwnerKey } from "./owner.ts";
import { SILENCE_MS, target } from "./reach.ts";
import { RECOVERY_PORT } from "./recover.ts";

const NONCE_BYTES = 32;
const CALL_MS = 15_000;
/** The machine takes small messages only. */
const MESSAGE_BYTES = 32 << 10;
/** Taking a large state in takes its time. */
const RESTORE_MS = 10 * 60_000;

/** What to bring, and where. */
export interface Restoring {
  readonly address: string;
  readonly file: string;
  /** Of the file's content when it was checked. */
  readonly digest: string;
  /** SOCKS5 proxy, `host:port`. */
  readonly proxy?: string | undefined;
}

/**
 * Sends a backup, which was checked, to the machine at an address; returns when the machine
 * has checked it too, and taken it in.
 *
 * Throws a {@link UserError} when the context lacks a key, and when the machine is not of our
 * medium.
 */
export async function restoreBackup(context: ContextFolder, restoring: Restoring): Promise<void> {
  const { address, file, digest, proxy } = restoring;
  let shown: Uint8Array | undefined;
  const verify = (certificate: Uint8Array) => {
    shown = selfSignedKey([certificate]);
    if (shown === undefined) throw new UserError(`${address} does not prove any key`);
  };
  const credentials = { ...(await ownerKeyCredentials(context)), verify };
  using channel = connect({
    silenceMs: SILENCE_MS,
    target: target(address, RECOVERY_PORT),
    credentials,
    proxy,
  });
  const node = channel.client(Recovery);
  const nonce = randomBytes(NONCE_BYTES);
  const { proof } = await node
    .proveNode({ nonce }, { timeoutMs: CALL_MS })
    .catch(unlessTaken(address));
  requireProof(context, address, nonce, shown ?? new Uint8Array(), proof);
  const requests = messages(checkedContent(context, file, digest));
  for await (const _ of node.restore(requests, { timeoutMs: RESTORE_MS })) break;
}

/** It does not listen any more once it has a backup, of which the answer may have been lost. */
function unlessTaken(address: string) {
  return (error: unknown): never => {
    if (!(error instanceof NoConnectionError)) throw error;
    throw new UserError(
      `no machine waits for a backup there; if it has taken this one, metroctl takeownership ${address} goes on`,
      { cause: error },
    );
  };
}

async function* messages(parts: AsyncIterable<Uint8Array>) {
  for await (const part of parts) {
    for (let at = 0; at < part.length; at += MESSAGE_BYTES) {
      yield { data: part.subarray(at, at + MESSAGE_BYTES) };
    }
  }
}

async function ownerKeyCredentials(context: ContextFolder) {
  const key = loadOwnerKey(context);
  if (key !== undefined) return initialCredentials(key);
  throw new UserError(
    `context ${context.name} has no owner key: use the one that ran install genusb --bootstrap --restore`,
  );
}

function requireProof(
  context: ContextFolder,
  address: string,
  nonce: Uint8Array,
  publicKey: Uint8Array,
  proof: Uint8Array,
): void {
  const secret = context.readSecret(contextFiles.secret)?.trim() ?? "";
  const expected = ownershipProof("restore", Buffer.from(secret, "hex"), nonce, publicKey);
  if (secret !== "" && constantTimeEqual(expected, proof)) return;
  throw new UserError(
    `${address} does not prove that it was made from a medium of context ${context.name}: ` +
      "install it from one that install genusb --bootstrap --restore wrote",
  );
}
