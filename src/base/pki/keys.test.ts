// Key pairs survive every form they are stored in; damaged ones are refused.
import { expect, test } from "bun:test";
import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import {
  certificateDer,
  certificatePem,
  decodePem,
  encodePem,
  generateKeyPair,
  keyPairFromDer,
  keyPairFromPem,
  keyPairFromSeed,
  ownerKeyFile,
  privateKeyDer,
  privateKeyPem,
  publicKeyDer,
  rawPublicKey,
  readOwnerKeyFile,
} from "./keys.ts";
import { KeyError } from "./node-id.ts";

/** RFC 8032, section 7.1, test 1. */
const known = {
  seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
};

test("keyPairFromSeed finds the public key", () => {
  const pair = keyPairFromSeed(Buffer.from(known.seed, "hex"));
  expect(Buffer.from(pair.publicKey).toString("hex")).toBe(known.publicKey);
});

test("generateKeyPair gives another pair each time, of the right lengths", () => {
  const one = generateKeyPair();
  expect(one.seed).toHaveLength(32);
  expect(one.publicKey).toHaveLength(32);
  expect(generateKeyPair().seed).not.toEqual(one.seed);
});

test("a key pair survives PEM and DER, and node:crypto can use both", () => {
  const pair = generateKeyPair();
  expect(keyPairFromPem(privateKeyPem(pair))).toEqual(pair);
  expect(keyPairFromDer(privateKeyDer(pair))).toEqual(pair);
  const signature = sign(null, Buffer.from("text"), privateKeyPem(pair));
  const key = createPublicKey({
    key: Buffer.from(publicKeyDer(pair.publicKey)),
    type: "spki",
    format: "der",
  });
  expect(verify(null, Buffer.from("text"), key, signature)).toBe(true);
  expect(rawPublicKey(key)).toEqual(pair.publicKey);
});

test("keyPairFromDer refuses keys of another kind, and noise", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = privateKey.export({ type: "pkcs8", format: "der" });
  expect(() => keyPairFromDer(der)).toThrow(KeyError);
  expect(() => keyPairFromDer(new Uint8Array(48))).toThrow(KeyError);
  expect(() => keyPairFromSeed(new Uint8Array(31))).toThrow(KeyError);
});

test("ownerKeyFile has the label and the 64 raw bytes of the original", () => {
  const pair = keyPairFromSeed(Buffer.from(known.seed, "hex"));
  const file = ownerKeyFile(pair);
  expect(file).toStartWith("-----BEGIN METROPOLIS INITIAL OWNER PRIVATE KEY-----\n");
  const bytes = decodePem("METROPOLIS INITIAL OWNER PRIVATE KEY", file);
  expect(Buffer.from(bytes).toString("hex")).toBe(known.seed + known.publicKey);
  expect(readOwnerKeyFile(file)).toEqual(pair);
});

test("readOwnerKeyFile refuses files whose halves do not belong together", () => {
  const one = generateKeyPair();
  const mixed = { seed: one.seed, publicKey: generateKeyPair().publicKey };
  expect(() => readOwnerKeyFile(ownerKeyFile(mixed))).toThrow("damaged");
  const short = encodePem("METROPOLIS INITIAL OWNER PRIVATE KEY", one.seed);
  expect(() => readOwnerKeyFile(short)).toThrow("32 bytes");
});

test("encodePem breaks lines at 64 characters", () => {
  const lines = encodePem("X", new Uint8Array(100)).split("\n");
  expect(lines.map((line) => line.length)).toEqual([17, 64, 64, 8, 15, 0]);
});

test.each([
  ["nothing", ""],
  ["another label", encodePem("Y", new Uint8Array(3))],
  ["no end", encodePem("X", new Uint8Array(3)).split("-----END")[0] ?? ""],
  ["two blocks", encodePem("X", new Uint8Array(3)).repeat(2)],
  ["odd characters", "-----BEGIN X-----\n*_*\n-----END X-----\n"],
])("decodePem refuses %s", (_, text) => {
  expect(() => decodePem("X", text)).toThrow(KeyError);
});

test("certificatePem and certificateDer are inverse", () => {
  const der = crypto.getRandomValues(new Uint8Array(300));
  expect(certificateDer(`some text\n${certificatePem(der)}`)).toEqual(der);
});
