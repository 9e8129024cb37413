// Somebody passes for the leader to a node, a worker as a rule, while the members are cut off. He
// wants its disk to open with a key of his alone: the cluster does not have that, and the node
// would not come back from its next boot.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../../src/base/event/event.ts";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { testSupervisor } from "../../src/base/supervisor/test-supervisor.ts";
import { folderPartition } from "../../src/node/host/folder-partition.ts";
import { emptyLock, followUnlockKey } from "../../src/node/recovery/recovery.ts";
import { connectSettledLeader, knownOf } from "../../src/node/roles/connection.ts";
import type { DataPartition } from "../../src/node/storage/data.ts";
import { dataPassphrase } from "../../src/node/storage/keys.ts";
import { directoryOf, Node, threeMembers } from "./impostors.ts";

const [nodeKey, own, evil] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
/** A node that believes those who answer does so after two seconds. */
const LONG_MS = 4_000;

let root: string;
let partition: DataPartition;
let members: readonly [Node, Node, Node];
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "closed-disk-"));
  partition = folderPartition(join(root, "data"), join(root, "key-check"));
  const passphrase = dataPassphrase(nodeKey, own);
  await partition.create({ protection: "encrypted", passphrase }, new LogTree().logger("root"));
  members = await threeMembers();
  for (const member of members) member.nextKey = evil;
});
afterEach(async () => {
  for (const member of members) await member.stop();
  rmSync(root, { recursive: true });
});

const opens = (key: Uint8Array) => partition.opens(dataPassphrase(nodeKey, key));

/** The part of a worker that follows its key. */
async function follower(): Promise<AsyncDisposable> {
  const worker = await new Node().credentials();
  const secrets = { join: generateKeyPair(), nodeUnlockKey: nodeKey };
  const names = { nodeId: worker.nodeId, clusterCa: worker.ca };
  const lock = emptyLock(join(root, "recovery.pb"), { ...names, ...secrets }, new Value(own));
  const known = () => knownOf(directoryOf(...members));
  const dial = () => connectSettledLeader(new Value(worker), known);
  return testSupervisor(
    followUnlockKey(dial, async () => partition, new Value(lock), new Value(false)),
  );
}

test("one member alone closes no disk to the key of the cluster", async () => {
  const [liar, second, third] = members;
  await Promise.all([second.stop(), third.stop()]);
  await using _ = await follower();
  await Bun.sleep(LONG_MS);
  expect(liar.asked).toEqual([]);
  expect([await opens(own), await opens(evil)]).toEqual([true, false]);
});

test("whom two of three members name gives a node another key", async () => {
  await members[2].stop();
  await using _ = await follower();
  while (await opens(own)) await Bun.sleep(20);
  expect(await opens(evil)).toBe(true);
});
