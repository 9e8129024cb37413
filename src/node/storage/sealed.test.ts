// Tests of sealed files.
import { expect, test } from "bun:test";
import { SealError, type Sealer, sealPayload, unsealPayload } from "./sealed.ts";

const payload = new TextEncoder().encode(
  "a configuration that is longer than a TPM seals".repeat(9),
);

/** A sealer that knows its own seals only, as a TPM does. */
function machine(secret: number): Sealer {
  const seal = async (bytes: Uint8Array) => bytes.map((byte) => byte ^ secret);
  return { seal, unseal: seal };
}

test("sealPayload hides the payload, unsealPayload shows it", async () => {
  const sealed = await sealPayload(payload, machine(7));
  expect(Buffer.from(sealed).includes(payload.subarray(0, 16))).toBe(false);
  expect(await unsealPayload(sealed, machine(7))).toEqual({ payload, isSealed: true });
});

test("sealPayload seals differently every time", async () => {
  const twice = [await sealPayload(payload, machine(7)), await sealPayload(payload, machine(7))];
  expect(twice[0]).not.toEqual(twice[1]);
});

test("unsealPayload refuses the seal of another machine, and none at all", async () => {
  const sealed = await sealPayload(payload, machine(7));
  await expect(unsealPayload(sealed, machine(8))).rejects.toThrow(SealError);
  await expect(unsealPayload(sealed, undefined)).rejects.toThrow(SealError);
});

test("unsealPayload refuses changed bytes", async () => {
  const sealed = await sealPayload(payload, machine(7));
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  await expect(unsealPayload(sealed, machine(7))).rejects.toThrow(SealError);
  await expect(unsealPayload(sealed.subarray(0, 20), machine(7))).rejects.toThrow(SealError);
});

test("sealPayload without a TPM keeps the payload in the open and says so", async () => {
  const open = await sealPayload(payload, undefined);
  expect(await unsealPayload(open, machine(7))).toEqual({ payload, isSealed: false });
});
