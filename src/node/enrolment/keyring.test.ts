// Tests of the node's secrets and their files.
import { expect, test } from "bun:test";
import { nodeId } from "../../base/pki/node-id.ts";
import { NodeStorageSecurity as Security } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Sealer } from "../storage/sealed.ts";
import { createKeyring, sealSecrets, unsealSecrets } from "./keyring.ts";

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
    nodeId: nodeId(ring.node.publicKey),
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
