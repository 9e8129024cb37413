// Opening the disk of a locked node with the operator's recovery key: the node
// hands over a box that only this key opens, and gets back the key that was inside.
import { openOperatorBox } from "../../base/pki/operator-box.ts";
import type { BoxKeyPair } from "../../base/pki/sealed-box.ts";
import { selfSignedKey } from "../../base/pki/verify.ts";
import { Code, connect, RpcError } from "../../base/rpc/rpc.ts";
import {
  type GetLockResponse,
  Recovery,
} from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { printable } from "../output/printable.ts";
import { UserError } from "../output/user-error.ts";
import type { Credentials } from "./owner.ts";
import { SILENCE_MS, target } from "./reach.ts";

/** What opens locked nodes. */
export interface Opener {
  /** Of the cluster's owner. */
  readonly credentials: Credentials;
  readonly recoveryKey: BoxKeyPair;
  /** SOCKS5 proxy, `host:port`. */
  readonly proxy?: string | undefined;
}

/** A node that is open. */
export interface Opened {
  /** Unknown when somebody else has opened it. */
  readonly id?: string;
  /** The members of consensus when the node last heard of them, itself included. */
  readonly members: readonly string[];
}

/** The port of nodes that are locked, or wait for a backup. */
export const RECOVERY_PORT = 7847;
const TIMEOUT_MS = 15_000;

/**
 * Opens the node at an address, unless it is open.
 *
 * Throws a {@link UserError} when the node holds nothing that our key opens, or
 * cannot prove that it is the node that its key is for; an RpcError when no
 * locked node is there.
 */
export async function unlockNode(opener: Opener, address: string): Promise<Opened> {
  const { credentials, recoveryKey, proxy } = opener;
  let shown: Uint8Array | undefined;
  const verify = (certificate: Uint8Array) => {
    shown = selfSignedKey([certificate]);
    if (shown === undefined) throw new UserError("it does not prove any key");
  };
  const to = target(address, RECOVERY_PORT);
  using channel = connect({
    silenceMs: SILENCE_MS,
    target: to,
    credentials: { ...credentials, verify },
    proxy,
  });
  const node = channel.client(Recovery);
  const lock = await node.getLock({}, { timeoutMs: TIMEOUT_MS }).catch(unlessOpen);
  if (lock === undefined) return { members: [] };
  const { clusterUnlockKey, joinKey } = await open(recoveryKey, lock);
  // Whoever copied a disk has its box too, but cannot prove this key without the TPM.
  if (shown === undefined || Buffer.compare(shown, joinKey) !== 0)
    throw new UserError(`it says that it is node ${lock.nodeId}, and cannot prove it`);
  await node.unlock({ clusterUnlockKey }, { timeoutMs: TIMEOUT_MS });
  return { id: lock.nodeId, members: lock.epochs.at(-1)?.members ?? [] };
}

/** A node that is not locked says so. */
function unlessOpen(error: unknown): undefined {
  if (!(error instanceof RpcError) || error.code !== Code.failedPrecondition) throw error;
}

async function open(
  key: BoxKeyPair,
  { nodeId, operatorEncryptedClusterUnlockKey: box }: GetLockResponse,
) {
  const name = printable(nodeId);
  if (box.length === 0)
    throw new UserError(`node ${name} holds nothing for an operator: its cluster has no such key`);
  try {
    return await openOperatorBox(key, nodeId, box);
  } catch (cause) {
    throw new UserError(`recovery-key.txt does not open node ${name}: it is another cluster's`, {
      cause,
    });
  }
}

/**
 * How many more of the members have to be opened until they are the majority. Where no locked
 * one has told how many there are, those that were asked are taken for all.
 */
export function missingCount(opened: readonly Opened[], failed: number): number {
  const told = Math.max(0, ...opened.map(({ members }) => members.length));
  const needed = Math.floor((told || opened.length + failed) / 2) + 1;
  return Math.max(0, needed - opened.length);
}
