// Tests of sealed files: what is in one says what it is for, and nobody can take it for another.
import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ExtendedSealedBytesSchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import {
  closeEnvelope,
  closeShare,
  clusterOf,
  Guard,
  openEnvelope,
  openShareEnvelope,
  Purpose,
  payloadKey,
  readEnvelope,
  SealError,
} from "./sealed.ts";

const payload = new TextEncoder().encode(
  "a configuration that is longer than a TPM seals".repeat(9),
);
const label = {
  purpose: Purpose.CONFIGURATION,
  nodeId: "metropolis-1",
  cluster: clusterOf(Uint8Array.of(1)),
};
const key = payloadKey();
const lock = { key, sealedKey: Uint8Array.of(5, 6), policyKey: Uint8Array.of(7), epoch: 2 };
const closed = closeEnvelope(label, payload, lock);

function open(bytes: Uint8Array, with_ = key, purpose = Purpose.CONFIGURATION): Uint8Array {
  return openEnvelope(readEnvelope(bytes, purpose), with_);
}

test("closeEnvelope hides the payload, openEnvelope shows it", () => {
  expect(Buffer.from(closed).includes(payload.subarray(0, 16))).toBe(false);
  expect(open(closed)).toEqual(payload);
});

test("closeEnvelope never makes the same bytes twice", () => {
  expect(closeEnvelope(label, payload, lock)).not.toEqual(closed);
});

test("openEnvelope refuses another key, and bytes that were changed or cut", () => {
  expect(() => open(closed, payloadKey())).toThrow(SealError);
  for (let cut = 1; cut < closed.length; cut += 7) {
    expect(() => open(closed.subarray(0, -cut))).toThrow(SealError);
  }
});

test.each([
  ["the node", { nodeId: "metropolis-2" }],
  ["the cluster", { cluster: clusterOf(Uint8Array.of(2)) }],
  ["the purpose", { purpose: Purpose.REGISTRATION }],
  ["the guard", { guard: Guard.NODE_UNLOCK_KEY }],
  ["the policy key", { policyKey: Uint8Array.of(8) }],
  ["the epoch", { epoch: 1 }],
  ["the sealed key", { sealedKey: Uint8Array.of(5, 7) }],
])("openEnvelope refuses an envelope in which %s was changed", (_, change) => {
  const envelope = { ...fromBinary(ExtendedSealedBytesSchema, closed), ...change };
  const bytes = toBinary(ExtendedSealedBytesSchema, envelope);
  expect(() => open(bytes, key, envelope.purpose)).toThrow("changed, or belongs elsewhere");
});

test("readEnvelope takes nothing that is for another purpose, and says what it is", () => {
  const wanted = () => readEnvelope(closed, Purpose.REGISTRATION);
  expect(wanted).toThrow("it is a node's configuration, not a registration");
});

test("readEnvelope refuses the forms of earlier releases with a clear line", () => {
  const old = [
    create(ExtendedSealedBytesSchema, { plaintext: payload }),
    create(ExtendedSealedBytesSchema, { sealedKey: payload, encryptedPayload: payload }),
  ].map((message) => toBinary(ExtendedSealedBytesSchema, message));
  for (const bytes of [...old, new TextEncoder().encode("METROTPM1\n"), new Uint8Array()]) {
    expect(() => readEnvelope(bytes, Purpose.CONFIGURATION)).toThrow("earlier release");
  }
});

test("closeEnvelope without a lock keeps the payload in the open and says so", () => {
  const envelope = readEnvelope(closeEnvelope(label, payload), Purpose.CONFIGURATION);
  expect(envelope).toMatchObject({ guard: Guard.NONE, plaintext: payload, ...label });
});

const holder = {
  nodeId: "metropolis-1",
  clusterCa: Uint8Array.of(1),
  nodeUnlockKey: new Uint8Array(32).fill(3),
};

test("a share opens for its holder, and nobody else", () => {
  const share = closeShare(holder, "epoch 1", payload);
  expect(openShareEnvelope(holder, "epoch 1", share)).toEqual(payload);
  const others = [
    { nodeId: "metropolis-2" },
    { clusterCa: Uint8Array.of(2) },
    { nodeUnlockKey: new Uint8Array(32).fill(4) },
  ];
  for (const other of others) {
    expect(() => openShareEnvelope({ ...holder, ...other }, "epoch 1", share)).toThrow(SealError);
  }
  expect(() => openShareEnvelope(holder, "epoch 2", share)).toThrow(SealError);
});

test("a share that lies in the open, or under a TPM, is none", () => {
  const own = { ...label, purpose: Purpose.RECOVERY_SHARE };
  for (const bytes of [closeEnvelope(own, payload), closeEnvelope(own, payload, lock)]) {
    expect(() => openShareEnvelope(holder, "epoch 1", bytes)).toThrow("another node");
  }
});
