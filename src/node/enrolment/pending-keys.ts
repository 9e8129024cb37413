// The keys of a machine that is about to become a member: sealed on the ESP before
// anybody hears of them, so that it is the same node after a reboot.
import { readFile } from "node:fs/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { keyPairFromSeed } from "../../base/pki/keys.ts";
import { PendingRegistrationSchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { sealPayload, unsealPayload } from "../storage/sealed.ts";
import type { Machine } from "./attempt.ts";
import { createKeyring, type Keyring } from "./keyring.ts";

/** The secrets of a node that holds no recovery key. */
export type PendingKeys = Omit<Keyring, "recovery">;

/** The keys of an earlier boot, or new ones that are on the disk now. */
export async function ensurePendingKeys(
  path: string,
  tpm: Machine | undefined,
  log: Logger,
): Promise<PendingKeys> {
  const existing = await readFile(path).catch(() => undefined);
  // An empty file is a rename on FAT that a power cut interrupted: as good as none.
  if (existing !== undefined && existing.length > 0) {
    log.info("Going on with the keys of an earlier boot");
    return read(existing, tpm);
  }
  const made = await createKeyring(tpm?.random);
  await writeFileAtomic(path, await sealed(made, tpm));
  return made;
}

async function read(bytes: Uint8Array, tpm: Machine | undefined): Promise<PendingKeys> {
  const { payload } = await unsealPayload(bytes, tpm);
  const message = fromBinary(PendingRegistrationSchema, payload);
  return {
    node: keyPairFromSeed(message.nodeKey),
    join: keyPairFromSeed(message.joinKey),
    nodeUnlockKey: message.nodeUnlockKey,
    clusterUnlockKey: message.clusterUnlockKey,
  };
}

function sealed(keys: PendingKeys, tpm: Machine | undefined): Promise<Uint8Array> {
  const { node, join, nodeUnlockKey, clusterUnlockKey } = keys;
  const message = create(PendingRegistrationSchema, {
    nodeKey: node.seed,
    joinKey: join.seed,
    ...{ nodeUnlockKey, clusterUnlockKey },
  });
  return sealPayload(toBinary(PendingRegistrationSchema, message), tpm);
}
