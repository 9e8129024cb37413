// Tests of signed policies as text, and of policies computed without a TPM.
import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { authorizePolicy, pcrPolicy, policyKey } from "./policy.ts";
import { findSignedPolicy, formatSignedPolicies, parseSignedPolicies } from "./signed-policy.ts";
import { testSigner } from "./test-tpm.ts";

const values = new Map([[11, new Uint8Array(32).fill(3)]]);
const signer = testSigner();
const signed = signer.sign(values, "one");

test("parseSignedPolicies gives back what was formatted, in systemd's form", () => {
  const text = formatSignedPolicies([signed]);
  expect(JSON.parse(text)).toMatchObject({ sha256: [{ pcrs: [11], ref: "one" }] });
  expect(parseSignedPolicies(text)).toEqual([signed]);
  expect(parseSignedPolicies(`${text}\0\0`)).toEqual([signed]);
});

test.each(["", "{", '{"sha256":[{"pkfp":"zz"}]}', '{"sha256":[null]}'])(
  "parseSignedPolicies finds nothing to use in %s",
  (text) => {
    try {
      expect(findSignedPolicy(parseSignedPolicies(text), signer.key, "one")).toBeUndefined();
    } catch (error) {
      expect(error).toMatchObject({ kind: "unsigned" });
    }
  },
);

test("findSignedPolicy believes the key only, and not what was changed", () => {
  const find = (change: Partial<typeof signed>, key = signer.key, reference = "one") =>
    findSignedPolicy([{ ...signed, ...change }], key, reference);
  expect(find({})).toEqual(signed);
  expect(find({}, testSigner().key)).toBeUndefined();
  expect(find({}, signer.key, "two")).toBeUndefined();
  expect(find({ reference: "two" }, signer.key, "two")).toBeUndefined();
  expect(find({ policy: new Uint8Array(32) })).toBeUndefined();
});

test("pcrPolicy depends on registers, values and what is demanded before", () => {
  const all = [
    pcrPolicy(values),
    pcrPolicy(new Map([[12, new Uint8Array(32).fill(3)]])),
    pcrPolicy(new Map([[11, new Uint8Array(32)]])),
    pcrPolicy(values, authorizePolicy(signer.key, "one")),
    pcrPolicy(values, authorizePolicy(signer.key, "two")),
    pcrPolicy(values, authorizePolicy(testSigner().key, "one")),
  ];
  expect(new Set(all.map((policy) => policy.toHex())).size).toBe(all.length);
});

test("pcrPolicy takes registers in any order", () => {
  const [low, high] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const ordered = new Map([[9, low]]).set(11, high);
  expect(pcrPolicy(new Map([[11, high]]).set(9, low))).toEqual(pcrPolicy(ordered));
});

test("policyKey takes keys on P-256 alone", () => {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
  expect(() => policyKey(pem)).toThrow("P-256");
});
