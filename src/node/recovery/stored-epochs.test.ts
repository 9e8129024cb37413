// Tests of recovery.pb.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { openOperatorBox } from "../../base/pki/operator-box.ts";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { RecoveryEpochSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { lockedEpoch } from "./locked-key.ts";
import { loadEpochs, unlockedKey } from "./recovery.ts";
import {
  firstEpoch,
  heldEpochs,
  isSameEpochs,
  openShare,
  readEpochs,
  writeEpochs,
} from "./stored-epochs.ts";
import { quietLog } from "./test-member.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "node-recovery-"));
  path = join(folder, "recovery.pb");
});
afterEach(() => rmSync(folder, { recursive: true }));

const nodeId = "metropolis-a";
const nodeUnlockKey = new Uint8Array(32).fill(7);
const holder = { nodeId, clusterCa: Uint8Array.of(1), nodeUnlockKey };

function told(epoch: bigint, share = Uint8Array.of(Number(epoch), 1, 2, 3, 4, 5)) {
  return create(RecoveryEpochSchema, { epoch, threshold: 2, share });
}

test("a node alone opens the first epoch with its own key, and the operator opens it too", async () => {
  const operator = generateBoxKeyPair();
  const own = {
    join: generateKeyPair(),
    recovery: generateBoxKeyPair(),
    clusterUnlockKey: new Uint8Array(32).fill(3),
    ...holder,
  };
  await writeEpochs(path, [await firstEpoch(own, operator.publicKey)]);
  const text = readFileSync(path);
  for (const secret of [own.clusterUnlockKey, own.recovery.privateKey, nodeUnlockKey]) {
    expect(text.includes(secret)).toBe(false);
  }
  const [epoch] = await loadEpochs(path, holder, quietLog().log);
  if (epoch === undefined) throw new Error("no epoch");
  expect(await unlockedKey(epoch)).toEqual(own.clusterUnlockKey);
  const box = epoch.epoch.operatorEncryptedClusterUnlockKey;
  const view = await openOperatorBox(operator, nodeId, box);
  expect(view).toEqual({ clusterUnlockKey: own.clusterUnlockKey, joinKey: own.join.publicKey });
});

test("what was encrypted for one node does not open as another's", async () => {
  const own = {
    ...holder,
    join: generateKeyPair(),
    recovery: generateBoxKeyPair(),
    clusterUnlockKey: new Uint8Array(32).fill(3),
  };
  const epoch = await firstEpoch(own, new Uint8Array());
  const other = lockedEpoch("metropolis-b", epoch, openShare(epoch, holder));
  expect(await unlockedKey(other)).toBeUndefined();
});

test.each([
  ["under another machine's key", { nodeUnlockKey: new Uint8Array(32).fill(8) }],
  ["of another node", { nodeId: "metropolis-2" }],
  ["of another cluster", { clusterCa: Uint8Array.of(2) }],
])("an epoch %s is left out, with a word", async (_, other) => {
  await writeEpochs(path, heldEpochs([], [told(1n)], holder));
  const { log, text } = quietLog();
  expect(await loadEpochs(path, { ...holder, ...other }, log)).toEqual([]);
  expect(text()).toContain("Recovery epoch 1 cannot be used");
});

test("what is held follows what is told, and keeps shares that the cluster has forgotten", async () => {
  const first = heldEpochs([], [told(1n)], holder);
  const forgotten = told(1n, new Uint8Array());
  const both = heldEpochs(first, [forgotten, told(2n)], holder);
  expect(both.map(({ epoch }) => epoch)).toEqual([1n, 2n]);
  expect(both[0]).toBe(first[0] ?? both[1]);
  const last = heldEpochs(both, [told(2n, new Uint8Array())], holder);
  expect(last.map(({ epoch }) => epoch)).toEqual([2n]);
  expect([isSameEpochs(both, last), isSameEpochs(last, [...last])]).toEqual([false, true]);
  // A share that is neither told nor held cannot be held.
  expect(heldEpochs([], [forgotten], holder)).toEqual([]);
});

test("the share of one epoch does not pass for that of another", async () => {
  const [first, second] = heldEpochs([], [told(1n), told(2n)], holder);
  if (first === undefined || second === undefined) throw new TypeError("no epochs");
  await writeEpochs(path, [{ ...first, sealedShare: second.sealedShare }]);
  expect(await loadEpochs(path, holder, quietLog().log)).toEqual([]);
});

test("no file, and one that a power cut left empty, hold no epochs", async () => {
  expect(await readEpochs(path)).toEqual([]);
  writeFileSync(path, "");
  expect(await readEpochs(path)).toEqual([]);
  writeFileSync(path, "\x0a\xffdamaged");
  expect(await readEpochs(path)).toEqual([]);
});
