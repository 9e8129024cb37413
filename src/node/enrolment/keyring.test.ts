// Tests of the node's secrets and their files.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeId } from "../../base/pki/node-id.ts";
import { NodeStorageSecurity as Security } from "../../gen/metropolis/proto/common/common_pb.ts";
import { testVault } from "../storage/test-guard.ts";
import { Vault } from "../storage/vault.ts";
import { type Configured, createKeyring, sealSecrets, unsealSecrets } from "./keyring.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "node-keyring-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The next boot of a machine. */
function boot(secret: number, policyKeys?: readonly number[]): Vault {
  const kept = join(folder, "kept");
  rmSync(kept, { recursive: true, force: true });
  return testVault(kept, secret, policyKeys && { policyKeys });
}

const noTpm = async () => undefined;

async function configured(isSealed: boolean): Promise<Configured> {
  const { node, join: joinKey, nodeUnlockKey } = await createKeyring(noTpm);
  return {
    nodeId: nodeId(node.publicKey),
    nodeUnlockKey,
    join: joinKey,
    clusterCa: Uint8Array.of(1, 2, 3),
    storageSecurity: Security.AUTHENTICATED_ENCRYPTED,
    isSealed,
  };
}

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
  const own = await configured(true);
  const bytes = await sealSecrets(boot(5), own);
  expect(Buffer.from(bytes).includes(own.nodeUnlockKey)).toBe(false);
  const opened = await unsealSecrets(boot(5), bytes);
  expect(opened).toEqual({ ...own, isStale: false, epoch: 1 });
  await expect(unsealSecrets(boot(6), bytes)).rejects.toThrow("belongs elsewhere");
});

test("unsealSecrets reads what a cluster without TPMs wrote", async () => {
  const bytes = await sealSecrets(boot(5), await configured(false));
  const none = new Vault(undefined, join(folder, "none"));
  expect(await unsealSecrets(none, bytes)).toMatchObject({ isSealed: false });
});

test("a policy key is replaced in three releases: only old, both, only new", async () => {
  const own = await configured(true);
  const old = await sealSecrets(boot(5, [1]), own, 3);
  const both = boot(5, [1, 2]);
  const opened = await unsealSecrets(both, old);
  expect(opened).toMatchObject({ isStale: true, epoch: 3 });
  const renewed = await sealSecrets(both, opened, opened.epoch);
  expect(await unsealSecrets(boot(5, [2]), renewed)).toEqual({ ...own, isStale: false, epoch: 3 });
  await expect(unsealSecrets(boot(5, [2]), old)).rejects.toThrow("not for this policy key");
  await expect(unsealSecrets(boot(5, [1]), renewed)).rejects.toThrow("not for this policy key");
});
