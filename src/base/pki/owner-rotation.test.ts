// Tests of the proof of a new owner key.
import { expect, test } from "bun:test";
import { generateKeyPair } from "./keys.ts";
import { proveRotation, provesRotation } from "./owner-rotation.ts";

const [next, present, other] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
const rotation = { ca: new Uint8Array(300).fill(3), present: present.publicKey };
const proof = proveRotation(next, rotation);

test("provesRotation accepts the key that signed, for this cluster and owner", () => {
  expect(provesRotation(proof, next.publicKey, rotation)).toBe(true);
});

test.each([
  ["another key", proof, other.publicKey, rotation],
  ["another cluster", proof, next.publicKey, { ...rotation, ca: new Uint8Array(300) }],
  ["another owner", proof, next.publicKey, { ...rotation, present: other.publicKey }],
  ["no proof", new Uint8Array(), next.publicKey, rotation],
] as const)("provesRotation refuses %s", (_, given, key, where) => {
  expect(provesRotation(given, key, where)).toBe(false);
});
