// Has: a node's whole machine, disk and TPM in it, and time. Wants: the node's keys, which lie
// sealed on its ESP. He may boot what the firmware's keys let him boot, put files on the ESP, listen
// to the TPM's bus, and run a pod with the TPM device in a cluster of his own.
//
// The TPM is true, made of software; "boots" extend its registers as firmware, stub and kernel do.
// That they do it so is what test/vm shows.
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import {
  openSoftwareTpm,
  type SoftwareTpm,
  softwareTpm,
  testSigner,
} from "../../src/base/tpm/test-tpm.ts";
import type { PcrValues, Tpm } from "../../src/base/tpm/tpm.ts";
import { ExtendedSealedBytesSchema } from "../../src/gen/metropolis/proto/private/private_pb.ts";
import { EPOCH, epochReference, IMAGE_PCRS } from "../../src/image/image.ts";
import { clusterOf, Purpose, readEnvelope } from "../../src/node/storage/sealed.ts";
import { testKernelImage } from "../../src/node/storage/test-boot.ts";
import { tpmGuard } from "../../src/node/storage/tpm-guard.ts";
import { Vault } from "../../src/node/storage/vault.ts";

setDefaultTimeout(60_000);

const secret = new TextEncoder().encode("node unlock key");
const label = {
  purpose: Purpose.CONFIGURATION,
  nodeId: "metropolis-1",
  cluster: clusterOf(Uint8Array.of(1)),
};
const release = testSigner();

let folder: string;
let state: string;
let powered: SoftwareTpm;
let tpm: Tpm;
let signedFor: PcrValues;
/** sealed_configuration.pb, as the thief finds it. */
let found: Uint8Array;

/** Presses the reset button: registers begin anew, memory is gone, TPM and ESP stay. */
async function reset(): Promise<void> {
  await powered?.[Symbol.asyncDispose]();
  rmSync(join(folder, "memory"), { recursive: true, force: true });
  powered = await softwareTpm(state);
  // The firmware's part: the state of Secure Boot, without which nothing is sealed.
  await powered.extend(7);
  tpm = await openSoftwareTpm(powered);
}

/** What our own image does with the TPM, whoever has started it. */
function ourImage(epoch = EPOCH): Vault {
  const image = {
    keys: [release.key],
    policies: async () => [release.sign(signedFor, epochReference(epoch))],
    bytes: async () => testKernelImage([release]),
  };
  const guard = tpmGuard({ tpm, image, isSecureBoot: () => true });
  return new Vault(guard, join(folder, "memory"));
}

/** All that a program with the TPM, the ESP and the release in its hands can do. */
function tryWithTheTpm(): Promise<Uint8Array> {
  const { sealedKey } = readEnvelope(found, Purpose.CONFIGURATION);
  return tpm.unseal(sealedKey, release.key, release.sign(signedFor, epochReference(EPOCH)));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "thief-"));
  state = join(folder, "tpm");
  await reset();
  signedFor = await tpm.pcrs(IMAGE_PCRS);
  found = await ourImage().seal(label, secret, true);
  await reset();
});
afterEach(async () => {
  await powered[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test("the node itself opens them, which shows that the attempts below could succeed", async () => {
  expect((await ourImage().open(found, label.purpose)).payload).toEqual(secret);
});

test.each([
  ["the installer, or another image of the same signer", 11],
  ["a boot entry with an initial RAM disk, or another command line", 9],
  ["systemd-stub's SMBIOS strings, credentials, extensions or add-ons", 12],
])("he boots %s, and the TPM refuses", async (_, pcr) => {
  await powered.extend(pcr);
  await expect(tryWithTheTpm()).rejects.toMatchObject({ kind: "image" });
  await expect(ourImage().open(found, label.purpose)).rejects.toThrow(/PCR/);
});

test("he boots a system of his own with Secure Boot off, and the TPM refuses", async () => {
  await powered.extend(7);
  await expect(tryWithTheTpm()).rejects.toMatchObject({ kind: "secureBoot" });
});

test("he lets our image found his own cluster, and his pod with the TPM gets nothing", async () => {
  const vault = ourImage();
  // His parameters on the ESP, in place of the sealed configuration that he keeps in his hands.
  await vault.beginAnew();
  await vault.requireSealing();
  await vault.shut();
  await vault.seal({ ...label, nodeId: "metropolis-2" }, Uint8Array.of(1), true);
  await expect(tryWithTheTpm()).rejects.toMatchObject({ kind: "image" });
});

test("he lets the node join, then swaps the disk under it: no other cluster begins", async () => {
  await ourImage().open(found, label.purpose);
  await ourImage().shut();
  await expect(ourImage().beginAnew()).rejects.toThrow("another installation");
  await expect(tryWithTheTpm()).rejects.toMatchObject({ kind: "image" });
});

test("he makes the node fail, and tries afterwards", async () => {
  const envelope = readEnvelope(found, Purpose.CONFIGURATION);
  const changed = toBinary(ExtendedSealedBytesSchema, { ...envelope, nodeId: "metropolis-2" });
  await expect(ourImage().open(changed, label.purpose)).rejects.toThrow("belongs elsewhere");
  await ourImage().shut();
  await expect(tryWithTheTpm()).rejects.toMatchObject({ kind: "image" });
});

test("he listens to the TPM's bus while the node seals and opens", async () => {
  using tap = await powered.tap();
  const tapped = await openSoftwareTpm({ ...powered, tcti: tap.tcti });
  const key = crypto.getRandomValues(new Uint8Array(32));
  const authority = { key: release.key, reference: epochReference(EPOCH) };
  const sealed = await tapped.seal(key, authority);
  const signed = release.sign(signedFor, epochReference(EPOCH));
  expect(await tapped.unseal(sealed, release.key, signed)).toEqual(key);
  const heard = Buffer.from(tap.recorded());
  expect(heard.includes(release.key.name)).toBe(true);
  expect(heard.includes(key)).toBe(false);
});

test("he brings an older release, from before an epoch that the node sealed for", async () => {
  const sealed = await ourImage(EPOCH + 1).seal(label, secret, true, EPOCH + 1);
  await reset();
  expect((await ourImage(EPOCH + 1).open(sealed, label.purpose)).payload).toEqual(secret);
  await reset();
  await expect(ourImage(EPOCH).open(sealed, label.purpose)).rejects.toThrow("not signed with");
});

test("he takes disk and ESP to another machine, and its TPM refuses", async () => {
  rmSync(state, { recursive: true });
  await reset();
  await expect(tryWithTheTpm()).rejects.toMatchObject({ kind: "foreign" });
});

test("he signs a policy for his own image with a key of his own", async () => {
  await powered.extend(11);
  const own = testSigner();
  const { sealedKey } = readEnvelope(found, Purpose.CONFIGURATION);
  const signed = own.sign(await tpm.pcrs(IMAGE_PCRS), epochReference(EPOCH));
  await expect(tpm.unseal(sealedKey, own.key, signed)).rejects.toMatchObject({
    kind: "secureBoot",
  });
});
