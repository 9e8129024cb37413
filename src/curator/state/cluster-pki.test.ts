// Tests of the cluster's certificates in the store.
import { expect, test } from "bun:test";
import { issueNode, validFor } from "../../base/pki/certificate.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { expiry, verifyNode, verifyUser } from "../../base/pki/verify.ts";
import { Code } from "../../base/rpc/rpc.ts";
import { CA, caWrites, emitNode, emitUser, loadCa } from "./cluster-pki.ts";
import { keys } from "./keys.ts";
import { type TestLeader, testCa, testLeader } from "./test-leader.ts";

const pair = generateKeyPair();
const name = `node-${nodeId(pair.publicKey)}`;

/** Emits and writes. */
async function emitted({ store }: TestLeader, publicKey = pair.publicKey) {
  const { certificate, writes, compares } = await emitNode(store, testCa, publicKey);
  if (writes.length > 0) await store.commit(writes, compares);
  return certificate;
}

test("loadCa gives back what caWrites saved, seed and public key in one", async () => {
  await using leader = await testLeader();
  const ca = await loadCa(leader.store);
  expect(ca.keyPair.seed).toEqual(testCa.keyPair.seed);
  expect(ca.certificate).toEqual(testCa.certificate);
  const saved = await leader.raw.get(keys.privateKey(CA));
  expect(saved?.value).toEqual(
    new Uint8Array([...testCa.keyPair.seed, ...testCa.keyPair.publicKey]),
  );
});

test("loadCa fails before there is a cluster", async () => {
  await using leader = await testLeader();
  for (const write of caWrites(testCa)) if ("put" in write) await leader.raw.delete(write.put);
  await expect(loadCa(leader.store)).rejects.toMatchObject({ code: Code.failedPrecondition });
});

test("emitNode and emitUser follow the profiles of nodes and users", async () => {
  await using leader = await testLeader();
  const node = await emitNode(leader.store, testCa, pair.publicKey);
  const user = await emitUser(leader.store, testCa, pair.publicKey, "owner");
  expect(verifyNode(node.certificate, testCa.certificate).id).toBe(nodeId(pair.publicKey));
  expect(verifyUser(user.certificate, testCa.certificate).name).toBe("owner");
  expect(() => verifyUser(node.certificate, testCa.certificate)).toThrow();
});

test("emitNode gives the same certificate again", async () => {
  await using leader = await testLeader();
  const first = await emitted(leader);
  expect(await emitted(leader)).toEqual(first);
});

test("emitNode writes nothing by itself", async () => {
  await using leader = await testLeader();
  await emitNode(leader.store, testCa, pair.publicKey);
  expect(await leader.raw.get(keys.certificate(name))).toBeUndefined();
});

test.each([
  ["near", 30],
  ["past", -300],
  ["so far that a clock was years ahead", 4_000],
])("emitNode renews a certificate whose end is %s", async (_, days) => {
  await using leader = await testLeader();
  const before = await issueNode(testCa, pair.publicKey, validFor(days));
  await leader.raw.put(keys.certificate(name), before);
  const renewed = await emitted(leader);
  const left = (expiry(renewed).getTime() - Date.now()) / 86_400_000;
  expect(Math.round(left)).toBe(730);
  expect((await leader.raw.get(keys.certificate(name)))?.value).toEqual(renewed);
});

test("emitUser refuses the name to another key", async () => {
  await using leader = await testLeader();
  const { writes } = await emitUser(leader.store, testCa, pair.publicKey, "owner");
  await leader.store.commit(writes);
  const other = generateKeyPair().publicKey;
  await expect(emitUser(leader.store, testCa, other, "owner")).rejects.toMatchObject({
    code: Code.failedPrecondition,
  });
});

test("of two that emit at the same time, one writes", async () => {
  await using leader = await testLeader();
  const [one, other] = await Promise.all([
    emitNode(leader.store, testCa, pair.publicKey),
    emitNode(leader.store, testCa, pair.publicKey),
  ]);
  await leader.store.commit(one.writes, one.compares);
  await expect(leader.store.commit(other.writes, other.compares)).rejects.toMatchObject({
    code: Code.unavailable,
  });
});
