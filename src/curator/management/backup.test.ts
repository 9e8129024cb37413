// Backups: signed by the CA, for the operator's key alone, and not without one.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { decryptStream } from "../../base/pki/age.ts";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { verifyBackup } from "../../base/pki/signed-backup.ts";
import { fingerprint } from "../../base/pki/verify.ts";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import { BackupRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import type { Leader } from "../state/leader.ts";
import { testLeader } from "../state/test-leader.ts";
import { backup } from "./backup.ts";

async function* parts(leader: Leader): AsyncGenerator<Uint8Array> {
  for await (const { data } of backup(leader)(create(BackupRequestSchema), testCall())) {
    yield data ?? new Uint8Array();
  }
}

test("a backup is the snapshot of etcd, signed, and for the operator's key alone", async () => {
  await using leader = await testLeader();
  const pair = generateBoxKeyPair();
  await leader.recovery.change((record) => ({ ...record, operatorPublicKey: pair.publicKey }));
  const taken: Uint8Array[] = [];
  const trusted = fingerprint((await leader.ca()).certificate);
  const content = decryptStream(pair.privateKey, parts(leader));
  const facts = await verifyBackup(content, trusted, async (part) => taken.push(part));
  expect(facts.cluster).toBe("cluster.internal");
  expect(Math.abs(Date.now() - facts.time.getTime())).toBeLessThan(60_000);
  expect(facts.revision).toBe((await leader.store.range("/leader/")).revision);
  const snapshot = await leader.consensus.snapshot();
  const state = Buffer.concat(await Array.fromAsync(snapshot.parts));
  expect(Buffer.concat(taken).equals(state)).toBe(true);
  const other = decryptStream(generateBoxKeyPair().privateKey, parts(leader));
  await expect(Array.fromAsync(other)).rejects.toThrow();
});

test("there are no backups where no operator could open them", async () => {
  await using leader = await testLeader();
  const failure = Array.fromAsync(parts(leader));
  await expect(failure).rejects.toMatchObject({ code: Code.failedPrecondition });
});

test("one who leads no more gives none", async () => {
  await using leader = await testLeader();
  await leader.recovery.change((record) => ({
    ...record,
    operatorPublicKey: generateBoxKeyPair().publicKey,
  }));
  await leader.depose();
  await expect(Array.fromAsync(parts(leader))).rejects.toMatchObject({ code: Code.unavailable });
});
