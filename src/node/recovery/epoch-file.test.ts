// Tests of recovery.pb.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { FollowRecoveryResponseSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { EpochFile } from "./epoch-file.ts";
import { held } from "./lock.ts";
import { unlockedKey } from "./locked-key.ts";
import { firstRecovery } from "./stored-epochs.ts";
import { boxed } from "./test-member.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "node-recovery-"));
  path = join(folder, "recovery.pb");
});
afterEach(() => rmSync(folder, { recursive: true }));

const nodeId = "metropolis-1";
const owner = {
  nodeId,
  clusterCa: Uint8Array.of(1),
  nodeUnlockKey: new Uint8Array(32).fill(7),
  joinKey: generateKeyPair().publicKey,
};
const clusterUnlockKey = new Uint8Array(32).fill(3);
const recoveryKey = generateBoxKeyPair();
const signal = AbortSignal.timeout(5_000);

const first = await firstRecovery(owner, recoveryKey, clusterUnlockKey, new Uint8Array());
const file = (node = owner) => new EpochFile(path, node, new Value(clusterUnlockKey));

async function told(share: Uint8Array = new Uint8Array(33).fill(5)) {
  const epoch = { epoch: 2n, threshold: 2, recoveryPublicKey: recoveryKey.publicKey };
  const box = await boxed(nodeId, owner.nodeUnlockKey, share);
  return create(FollowRecoveryResponseSchema, { epochs: [{ ...epoch, share: box }] });
}

test("what is written is read again, and nobody else sees any of it", async () => {
  await file().write(first);
  expect(await file().read()).toEqual(first);
  const bytes = readFileSync(path);
  const { publicKey, privateKey } = recoveryKey;
  for (const part of [clusterUnlockKey, privateKey, publicKey, owner.nodeUnlockKey]) {
    expect(bytes.includes(part)).toBe(false);
  }
});

test.each([
  ["under another machine's key", { nodeUnlockKey: new Uint8Array(32).fill(8) }],
  ["of another node", { nodeId: "metropolis-2" }],
  ["of another cluster", { clusterCa: Uint8Array.of(2) }],
])("a file %s holds nothing, with a word", async (_, other) => {
  await file().write(first);
  const words: string[] = [];
  const { epochs } = await file({ ...owner, ...other }).read((text) => words.push(text));
  expect(epochs).toEqual([]);
  expect(words.join()).toStartWith("Recovery epochs cannot be used: ");
});

test("nothing in the file can be changed, or be cut off", async () => {
  await file().write(first);
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 7) {
    writeFileSync(path, bytes.with(at, (bytes[at] ?? 0) ^ 1));
    const { epochs } = await file().read();
    // The tag of a field has bits that say the same in two ways.
    if (epochs.length > 0) expect(epochs).toEqual(first.epochs);
    writeFileSync(path, bytes.subarray(0, at));
    expect((await file().read()).epochs).toEqual([]);
  }
});

test("no file holds no epochs", async () => {
  expect((await file().read()).epochs).toEqual([]);
});

test("hold gives what is news, and is done when that lies on the disk", async () => {
  const message = await told();
  expect((await file().hold(message, signal))?.epochs).toHaveLength(1);
  expect((await file().read()).epochs[0]?.share).toEqual(new Uint8Array(33).fill(5));
  expect(await file().hold(message, signal)).toBeUndefined();
});

test("rekey leads to another key, also what is told at the same time", async () => {
  const key = new Value(clusterUnlockKey);
  const both = new EpochFile(path, owner, key);
  await both.write(first);
  const next = new Uint8Array(32).fill(4);
  const message = await told(recoveryKey.privateKey);
  await Promise.all([both.rekey(next), both.hold(message, signal)]);
  expect(key.current).toEqual(next);
  const [epoch] = held(nodeId, await both.read()).epochs;
  if (epoch === undefined) throw new Error("no epoch");
  // The only share is the key, whatever the epoch says of how many it takes.
  expect(await unlockedKey({ ...epoch, epoch: { ...epoch.epoch, threshold: 1 } })).toEqual(next);
});

test("rekey of a node that holds nothing makes no file", async () => {
  await file().rekey(new Uint8Array(32));
  expect((await file().read()).epochs).toEqual([]);
  expect(() => readFileSync(path)).toThrow();
});
