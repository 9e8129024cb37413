// Tests of the form of sealed blobs.
import { expect, test } from "bun:test";
import { decodeBlob, encodeBlob, KEY_BYTES, openPayload, sealPayload } from "./blob.ts";
import { failureOf, TpmError } from "./tpm-error.ts";

const blob = {
  publicPart: new Uint8Array([1, 2]),
  privatePart: new Uint8Array([3]),
  nonce: new Uint8Array(12).fill(4),
  ciphertext: new Uint8Array(20).fill(5),
};

test("decodeBlob gives back what encodeBlob put together", () => {
  expect(decodeBlob(encodeBlob(blob))).toEqual(blob);
});

test("decodeBlob refuses every shortened blob, and a longer one", () => {
  const bytes = encodeBlob(blob);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeBlob(bytes.subarray(0, length))).toThrow(TpmError);
  }
  expect(() => decodeBlob(new Uint8Array([...bytes, 0]))).toThrow("goes on too long");
});

test("openPayload opens with the right key only", async () => {
  const key = new Uint8Array(KEY_BYTES).fill(9);
  const sealed = await sealPayload(key, new Uint8Array([7, 8]));
  expect([...(await openPayload(key, sealed))]).toEqual([7, 8]);
  const wrong = openPayload(new Uint8Array(KEY_BYTES), sealed);
  await expect(wrong).rejects.toMatchObject({ kind: "blob" });
});

test.each([
  ["ERROR: Esys_Unseal(0x99D) - tpm:session(1):a policy check failed", "policy"],
  ["ERROR: Esys_Unseal(0xA9D)", "policy"],
  ["ERROR: Eys_Load(0x1DF) - tpm:parameter(1):integrity check failed", "foreign"],
  ["ERROR: Esys_Load(0x921) - tpm:warn(2.0): authorizations for objects subject to DA", "failed"],
  ["", "failed"],
] as const)("failureOf recognises %s", (stderr, kind) => {
  expect(failureOf(stderr)).toBe(kind);
});
