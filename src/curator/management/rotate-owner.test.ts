// Tests of replacing the owner's key.
import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { generateKeyPair, type KeyPair } from "../../base/pki/keys.ts";
import { proveRotation } from "../../base/pki/owner-rotation.ts";
import { verifyUser } from "../../base/pki/verify.ts";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import { InitialOwnerSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { RotateOwnerRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { emitUser } from "../state/cluster-pki.ts";
import { keys } from "../state/keys.ts";
import { OWNER } from "../state/owner.ts";
import { type TestLeader, testCa, testLeader } from "../state/test-leader.ts";
import { rotateOwner } from "./rotate-owner.ts";

const [old, next] = [generateKeyPair(), generateKeyPair()];
const secret = new Uint8Array([7, 7]);

/** A cluster of an owner who has his certificate. */
async function owned(): Promise<TestLeader> {
  const leader = await testLeader();
  const record = create(InitialOwnerSchema, { publicKey: old.publicKey, ownershipSecret: secret });
  await leader.raw.put(keys.initialOwner, toBinary(InitialOwnerSchema, record));
  const { writes } = await emitUser(leader.store, testCa, old.publicKey, OWNER);
  await leader.store.commit(writes);
  return leader;
}

/** A call with the key of a user, for a key with its proof. */
function rotate(leader: TestLeader, by: KeyPair, to: KeyPair, prover = to) {
  const rotation = { ca: testCa.certificate, present: old.publicKey };
  const proof = proveRotation({ ...prover, publicKey: to.publicKey }, rotation);
  const request = create(RotateOwnerRequestSchema, { newPublicKey: to.publicKey, proof });
  const peer = { kind: "user", name: OWNER, publicKey: by.publicKey } as const;
  return rotateOwner(leader)(request, testCall({ peer }));
}

async function ownerOf({ raw }: TestLeader) {
  const item = await raw.get(keys.initialOwner);
  return fromBinary(InitialOwnerSchema, item?.value ?? new Uint8Array());
}

test("rotateOwner gives the next key the cluster and a certificate", async () => {
  await using leader = await owned();
  const { certificate } = await rotate(leader, old, next);
  const der = new Uint8Array(certificate ?? []);
  expect(verifyUser(der, testCa.certificate)).toMatchObject({ publicKey: next.publicKey });
  expect(await ownerOf(leader)).toMatchObject({
    publicKey: next.publicKey,
    ownershipSecret: secret,
  });
  // Where the answer was lost, the next key asks for its certificate as any owner does.
  const again = await emitUser(leader.store, testCa, next.publicKey, OWNER);
  expect(again.certificate).toEqual(der);
});

test("rotateOwner refuses the key of before", async () => {
  await using leader = await owned();
  await rotate(leader, old, next);
  const refused = { code: Code.permissionDenied };
  await expect(rotate(leader, old, generateKeyPair())).rejects.toMatchObject(refused);
});

test("rotateOwner wants the proof of the key that shall own", async () => {
  await using leader = await owned();
  const refused = { code: Code.invalidArgument };
  await expect(rotate(leader, old, next, old)).rejects.toMatchObject(refused);
  expect((await ownerOf(leader)).publicKey).toEqual(old.publicKey);
});
