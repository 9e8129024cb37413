// What a node has in its hands while it is locked, and goes on to keep afterwards.
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import type { KeyPair } from "../../base/pki/keys.ts";
import { type Recovery, RecoverySchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { EpochFile } from "./epoch-file.ts";
import { type LockedEpoch, lockedEpoch } from "./locked-key.ts";

/** What a node serves and waits for while it is locked. */
export interface Lock extends Held {
  readonly nodeId: string;
  /** By this key nodes know each other while they are locked. */
  readonly join: KeyPair;
  /** DER. */
  readonly clusterCa: Uint8Array;
  readonly nodeUnlockKey: Uint8Array;
  /** Where what is held lies on the disk. */
  readonly file: EpochFile;
  /** Whether a cluster unlock key opens the disk; while the node is open none is asked about. */
  readonly opens: (key: Uint8Array) => Promise<boolean>;
  /** Set to the key when it is there, from whomever, and when it is replaced. */
  readonly key: Value<Uint8Array>;
}

/** What a node holds for a cold start. */
export interface Held {
  readonly epochs: readonly LockedEpoch[];
  /** What the operator opens with his recovery key; empty where he has none. */
  readonly operatorBox: Uint8Array;
}

/** What the file of a node says, ready for use. */
export function held(
  nodeId: string,
  { epochs, operatorEncryptedClusterUnlockKey }: Recovery,
): Held {
  return {
    epochs: epochs.map((each) => lockedEpoch(nodeId, each)),
    operatorBox: operatorEncryptedClusterUnlockKey,
  };
}

/** What a lock is made of. */
export type OwnKeys = Pick<Lock, "nodeId" | "join" | "clusterCa" | "nodeUnlockKey">;

/** The lock of a node that holds nothing yet; without a key it is locked. */
export function emptyLock(path: string, own: OwnKeys, key = new Value<Uint8Array>()): Lock {
  const { nodeId, join, clusterCa, nodeUnlockKey } = own;
  const known = { nodeId, clusterCa, nodeUnlockKey };
  const file = new EpochFile(path, { ...known, joinKey: join.publicKey }, key);
  const opens = async () => false;
  return { ...known, join, file, opens, key, ...held(nodeId, create(RecoverySchema)) };
}
