// Tests of the node's secrets and their files.
import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { decryptWith, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { NodeStorageSecurity as Security } from "../../gen/metropolis/proto/common/common_pb.ts";
import { RecoverySchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import type { Sealer } from "../storage/sealed.ts";
import {
  createKeyring,
  ownClusterKey,
  sealRecovery,
  sealSecrets,
  unsealSecrets,
} from "./keyring.ts";

/** A sealer that knows its own seals only, as a TPM does. */
function machine(secret: number): Sealer {
  const seal = async (bytes: Uint8Array) => bytes.map((byte) => byte ^ secret);
  return { seal, unseal: seal };
}

const ca = Uint8Array.of(1, 2, 3);

test("createKeyring makes secrets that have nothing in common", async () => {
  const asked: number[] = [];
  const random = async (length: number) => {
    asked.push(length);
    return new Uint8Array(length);
  };
  const ring = await createKeyring(random);
  expect(asked).toEqual([32]);
  const secrets = [ring.node.seed, ring.join.seed, ring.nodeUnlockKey, ring.clusterUnlockKey];
  expect(new Set(secrets.map((bytes) => bytes.toHex())).size).toBe(4);
});

test("createKeyring makes other secrets of the same random bytes of a TPM", async () => {
  const stuck = async (length: number) => new Uint8Array(length);
  const [one, other] = [await createKeyring(stuck), await createKeyring(stuck)];
  expect(one.nodeUnlockKey).not.toEqual(other.nodeUnlockKey);
  expect(one.node.seed).not.toEqual(other.node.seed);
});

test("unsealSecrets gives back what sealSecrets sealed, on the same machine", async () => {
  const ring = await createKeyring(undefined);
  const bytes = await sealSecrets(ring, ca, Security.AUTHENTICATED_ENCRYPTED, machine(5));
  expect(Buffer.from(bytes).includes(ring.nodeUnlockKey)).toBe(false);
  expect(await unsealSecrets(bytes, machine(5))).toEqual({
    nodeUnlockKey: ring.nodeUnlockKey,
    join: ring.join,
    clusterCa: ca,
    storageSecurity: Security.AUTHENTICATED_ENCRYPTED,
    isSealed: true,
  });
  await expect(unsealSecrets(bytes, machine(6))).rejects.toThrow("not by this machine");
});

test("unsealSecrets reads what a cluster without TPMs wrote", async () => {
  const ring = await createKeyring(undefined);
  const bytes = await sealSecrets(ring, ca, Security.ENCRYPTED, undefined);
  expect(await unsealSecrets(bytes, undefined)).toMatchObject({ isSealed: false });
});

test("ownClusterKey opens what sealRecovery closed, with the node's own key only", async () => {
  const ring = await createKeyring(undefined);
  const bytes = await sealRecovery(ring, new Uint8Array());
  for (const secret of [ring.clusterUnlockKey, ring.recovery.privateKey, ring.nodeUnlockKey]) {
    expect(Buffer.from(bytes).includes(secret)).toBe(false);
  }
  expect(await ownClusterKey(bytes, ring.nodeUnlockKey)).toEqual(ring.clusterUnlockKey);
  const other = await createKeyring(undefined);
  await expect(ownClusterKey(bytes, other.nodeUnlockKey)).rejects.toThrow("not by this machine");
});

test("ownClusterKey gives nothing where it takes more nodes than this", async () => {
  const ring = await createKeyring(undefined);
  const message = fromBinary(RecoverySchema, await sealRecovery(ring, new Uint8Array()));
  for (const epoch of message.epochs) epoch.threshold = 2;
  const shared = toBinary(RecoverySchema, create(RecoverySchema, message));
  expect(await ownClusterKey(shared, ring.nodeUnlockKey)).toBeUndefined();
  expect(await ownClusterKey(new Uint8Array(), ring.nodeUnlockKey)).toBeUndefined();
});

test("sealRecovery lets the operator's key open the cluster unlock key too", async () => {
  const ring = await createKeyring(undefined);
  const operator = generateBoxKeyPair();
  const { epochs } = fromBinary(RecoverySchema, await sealRecovery(ring, operator.publicKey));
  const box = epochs[0]?.operatorEncryptedClusterUnlockKey ?? new Uint8Array();
  expect(decryptWith(operator, box)).toEqual(ring.clusterUnlockKey);
});
