// Tests of the guard with a software TPM. It has booted nothing and its registers are empty, but for
// the state of Secure Boot, so that is what releases are signed for here.
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  openSoftwareTpm,
  type SoftwareTpm,
  softwareTpm,
  testSigner,
} from "../../base/tpm/test-tpm.ts";
import type { PcrValues, SignedPolicy, Tpm } from "../../base/tpm/tpm.ts";
import { EPOCH, epochReference, IMAGE_PCRS, predictPcrs } from "../../image/image.ts";
import type { BootImage } from "./boot-image.ts";
import type { SealedKey } from "./sealed.ts";
import { testKernelImage } from "./test-boot.ts";
import { tpmGuard } from "./tpm-guard.ts";

const release = testSigner();
const secret = new Uint8Array(32).fill(9);
let software: SoftwareTpm;
let tpm: Tpm;
let atBoot: PcrValues;
let sealed: SealedKey;

beforeAll(async () => {
  software = await softwareTpm();
  tpm = await openSoftwareTpm(software);
  await expect(guard().requireSealable()).rejects.toThrow("PCR 7 is empty");
  await tpm.measure(7, "Secure Boot");
  atBoot = await tpm.pcrs(IMAGE_PCRS);
  sealed = await guard().seal(secret);
});
afterAll(() => software[Symbol.asyncDispose]());

interface Given {
  readonly tpm?: Tpm;
  readonly isSecureBoot?: boolean;
  readonly signers?: readonly (typeof release)[];
  readonly policies?: readonly SignedPolicy[];
}

function guard({ tpm: own = tpm, isSecureBoot = true, signers = [release], policies }: Given = {}) {
  const image: BootImage = {
    keys: signers.map(({ key }) => key),
    policies: async () =>
      policies ?? signers.map((signer) => signer.sign(atBoot, epochReference(EPOCH))),
    bytes: async () => testKernelImage(signers),
  };
  return tpmGuard({ tpm: own, image, isSecureBoot: () => isSecureBoot });
}

test("tpmGuard seals for the epoch of this release, and opens it", async () => {
  await guard().requireSealable();
  expect(sealed).toMatchObject({ policyKey: release.key.name, epoch: EPOCH });
  expect(await guard().unseal(sealed)).toEqual(secret);
});

test("tpmGuard seals nothing unless Secure Boot is on", async () => {
  const insecure = guard({ isSecureBoot: false });
  await expect(insecure.requireSealable()).rejects.toMatchObject({
    message: expect.stringContaining("Secure Boot is off or in setup mode"),
    advice: expect.stringContaining("switch Secure Boot on"),
  });
  await expect(insecure.seal(secret)).rejects.toThrow("Secure Boot is off");
});

test("tpmGuard seals nothing that the next boot would not open", async () => {
  await expect(guard({ signers: [] }).requireSealable()).rejects.toThrow("no policy key");
  await expect(guard({ policies: [] }).requireSealable()).rejects.toThrow("not signed with");
  const forged = testSigner().sign(atBoot, epochReference(EPOCH));
  await expect(guard({ policies: [forged] }).requireSealable()).rejects.toThrow("not signed with");
  const others = new Map(atBoot).set(11, new Uint8Array(32));
  const other = release.sign(others.set(9, secret), epochReference(EPOCH));
  await expect(guard({ policies: [other] }).requireSealable()).rejects.toThrow("PCR 9");
});

test("tpmGuard says that another TPM has sealed it", async () => {
  await using other = await softwareTpm();
  const elsewhere = guard({ tpm: await openSoftwareTpm(other) });
  await expect(elsewhere.unseal(sealed)).rejects.toThrow("sealed by another TPM");
});

test("tpmGuard opens nothing for an image without a signed policy", async () => {
  await expect(guard({ policies: [] }).unseal(sealed)).rejects.toThrow("not signed with");
});

test("tpmGuard opens nothing for an epoch that this release is not signed for", async () => {
  const next = await guard().seal(secret, EPOCH + 1);
  await expect(guard().unseal(next)).rejects.toThrow(`for epoch ${EPOCH + 1}`);
});

test("tpmGuard seals to the newest key and opens with any it has", async () => {
  const next = testSigner();
  const both = guard({ signers: [release, next] });
  expect(await both.unseal(sealed)).toEqual(secret);
  expect(both.isNewest(sealed.policyKey)).toBe(false);
  const renewed = await both.seal(secret, sealed.epoch);
  expect(both.isNewest(renewed.policyKey)).toBe(true);
  expect(await guard({ signers: [next] }).unseal(renewed)).toEqual(secret);
  await expect(guard({ signers: [next] }).unseal(sealed)).rejects.toThrow("does not have");
});

test.each([
  [12, "something was added"],
  [9, "another command line"],
  [11, "another kernel image"],
])("tpmGuard says what PCR %d tells: %s", async (pcr, text) => {
  await using other = await softwareTpm();
  const machine = await openSoftwareTpm(other);
  const own = guard({ tpm: machine });
  const key = await own.seal(secret);
  await other.extend(pcr);
  // A TPM that booted nothing has none of the values that an image predicts.
  const present = await machine.pcrs(IMAGE_PCRS);
  const lying: Tpm = { ...machine, pcrs: async () => lie(present, pcr) };
  await expect(guard({ tpm: lying }).unseal(key)).rejects.toThrow(text);
});

/** What the TPM of a machine that booted the image has, but for one register. */
function lie(present: PcrValues, pcr: number): PcrValues {
  return new Map(predictPcrs(testKernelImage([release]))).set(pcr, present.get(pcr) ?? secret);
}

test("tpmGuard.shut ends what could be opened in this boot", async () => {
  await using other = await softwareTpm();
  const own = guard({ tpm: await openSoftwareTpm(other) });
  const key = await own.seal(secret);
  expect(await own.unseal(key)).toEqual(secret);
  await own.shut();
  await expect(own.unseal(key)).rejects.toThrow(/PCR/);
  // What is sealed from now on is for the next boot.
  await own.seal(secret);
});
