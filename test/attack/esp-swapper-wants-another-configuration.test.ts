// Has: a node's ESP to write on, while the node is off. Wants: the node to take a file that is not
// its own: one in the open, one for another purpose, one of another node or cluster.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import {
  CommitmentSchema,
  ExtendedSealedBytesSchema,
} from "../../src/gen/metropolis/proto/private/private_pb.ts";
import { checkCommitment } from "../../src/node/enrolment/attempt.ts";
import { createKeyring, sealSecrets, unsealSecrets } from "../../src/node/enrolment/keyring.ts";
import { ensurePendingKeys } from "../../src/node/enrolment/pending-keys.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { clusterOf, Purpose, readEnvelope } from "../../src/node/storage/sealed.ts";
import { testVault } from "../../src/node/storage/test-guard.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "esp-swapper-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The node's next boot. */
function boot() {
  rmSync(join(folder, "memory"), { recursive: true, force: true });
  return testVault(join(folder, "memory"), 7);
}

async function configuration(isSealed: boolean): Promise<Uint8Array> {
  const { join: joinKey, nodeUnlockKey } = await createKeyring(async () => undefined);
  const own = { nodeId: "metropolis-1", nodeUnlockKey, join: joinKey, clusterCa: Uint8Array.of(1) };
  return sealSecrets(boot(), { ...own, storageSecurity: 1, isSealed });
}

test("he writes a configuration in the open, with keys that he knows", async () => {
  const opened = await unsealSecrets(boot(), await configuration(false));
  const where = paths(folder);
  mkdirSync(where.data.node, { recursive: true });
  const committed = toBinary(CommitmentSchema, create(CommitmentSchema, { isSealed: true }));
  await Bun.write(where.data.commitment, committed);
  await expect(checkCommitment(where, opened.isSealed)).rejects.toThrow("not sealed");
});

test("he puts the file of an earlier release there, plain or sealed", async () => {
  const payload = Uint8Array.of(1, 2, 3);
  for (const old of [{ plaintext: payload }, { sealedKey: payload, encryptedPayload: payload }]) {
    const message = create(ExtendedSealedBytesSchema, old);
    const bytes = toBinary(ExtendedSealedBytesSchema, message);
    await expect(unsealSecrets(boot(), bytes)).rejects.toThrow("earlier release");
  }
});

test("he puts a registration in the place of the configuration, and says that it is one", async () => {
  const label = {
    purpose: Purpose.REGISTRATION,
    nodeId: "metropolis-1",
    cluster: Uint8Array.of(1),
  };
  const bytes = await boot().seal(label, Uint8Array.of(1), true);
  await expect(unsealSecrets(boot(), bytes)).rejects.toThrow("it is a registration");
  const envelope = readEnvelope(bytes, Purpose.REGISTRATION);
  const changed = { ...envelope, purpose: Purpose.CONFIGURATION };
  const renamed = toBinary(ExtendedSealedBytesSchema, changed);
  await expect(unsealSecrets(boot(), renamed)).rejects.toThrow("changed, or belongs elsewhere");
});

test("he calls it another node's, or another cluster's", async () => {
  const envelope = readEnvelope(await configuration(true), Purpose.CONFIGURATION);
  for (const change of [{ nodeId: "metropolis-2" }, { cluster: clusterOf(Uint8Array.of(2)) }]) {
    const bytes = toBinary(ExtendedSealedBytesSchema, { ...envelope, ...change });
    await expect(unsealSecrets(boot(), bytes)).rejects.toThrow("changed, or belongs elsewhere");
  }
});

test("he names his own cluster on the ESP of a node that waits to be approved", async () => {
  const path = join(folder, "registration.pb");
  const log = new LogTree().logger("root");
  const own = { path, canSeal: true, log };
  const ours = await ensurePendingKeys({ ...own, vault: boot(), clusterCa: Uint8Array.of(1) });
  const his = await ensurePendingKeys({ ...own, vault: boot(), clusterCa: Uint8Array.of(2) });
  // The keys that our cluster knows are not even opened, let alone used with his.
  expect(his.node.publicKey).not.toEqual(ours.node.publicKey);
  expect(his.clusterUnlockKey).not.toEqual(ours.clusterUnlockKey);
});
