// Tests of sealing, against true TPMs made of software.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../process/process.ts";
import { openSoftwareTpm, type SoftwareTpm, softwareTpm, testSigner } from "./test-tpm.ts";
import { hasTpm, openTpm, type PcrValues, type Tpm } from "./tpm.ts";

const EPOCH = "metropolis epoch 1";
const IMAGE = [9, 11, 12];

const release = testSigner();
const secret = crypto.getRandomValues(new Uint8Array(32));
const authority = { key: release.key, reference: EPOCH };

let software: SoftwareTpm;
let tpm: Tpm;
let atBoot: PcrValues;

beforeAll(async () => {
  software = await softwareTpm();
  tpm = await openSoftwareTpm(software);
  atBoot = await tpm.pcrs(IMAGE);
});

afterAll(() => software[Symbol.asyncDispose]());

/** Opens by the release's signature of the state that all these machines boot with. */
function unseal(sealed: Uint8Array, by = tpm, signed = release.sign(atBoot, EPOCH)) {
  return by.unseal(sealed, release.key, signed);
}

test("Tpm.unseal opens what seal closed, again and again, and leaves no files", async () => {
  const before = readdirSync(software.scratch);
  const sealed = await tpm.seal(secret, authority);
  expect(Buffer.from(sealed).includes(secret)).toBe(false);
  for (let round = 0; round < 4; round++) expect(await unseal(sealed)).toEqual(secret);
  expect(readdirSync(software.scratch)).toEqual(before);
});

test("Tpm does what several callers want at once, in turn", async () => {
  const keys = [1, 2, 3].map((byte) => new Uint8Array([byte]));
  const sealed = await Promise.all(keys.map((key) => tpm.seal(key, authority)));
  expect(await Promise.all(sealed.map((each) => unseal(each)))).toEqual(keys);
});

test("Tpm.random gives as many bytes as asked for", async () => {
  expect(await tpm.random(0)).toHaveLength(0);
  const bytes = await tpm.random(70);
  expect(bytes).toHaveLength(70);
  expect(new Set(bytes).size).toBeGreaterThan(20);
});

test("the bus sees the secret neither when it is sealed nor when it is unsealed", async () => {
  using tap = await software.tap();
  const tapped = await openSoftwareTpm({ ...software, tcti: tap.tcti });
  const sealed = await tapped.seal(secret, authority);
  expect(await unseal(sealed, tapped)).toEqual(secret);
  const bus = Buffer.from(tap.recorded());
  // What is public does cross it in the clear: the tap does hear the conversation.
  expect(bus.includes(release.key.name)).toBe(true);
  expect(bus.includes(secret)).toBe(false);
});

test("Tpm.unseal refuses what another TPM sealed", async () => {
  await using other = await softwareTpm();
  const sealed = await tpm.seal(secret, authority);
  await expect(unseal(sealed, await openSoftwareTpm(other))).rejects.toMatchObject({
    kind: "foreign",
  });
});

test("Tpm.unseal refuses another Secure Boot state, and leaks no session over it", async () => {
  await using other = await softwareTpm();
  const opened = await openSoftwareTpm(other);
  const sealed = await opened.seal(secret, authority);
  await other.extend(4);
  // Other PCRs do not matter: new firmware settings must not lock the node out.
  expect(await unseal(sealed, opened)).toEqual(secret);
  await other.extend(7);
  for (let round = 0; round < 5; round++) {
    await expect(unseal(sealed, opened)).rejects.toMatchObject({ kind: "secureBoot" });
  }
  expect(await unseal(await opened.seal(secret, authority), opened)).toEqual(secret);
});

test.each(IMAGE)("Tpm.unseal refuses a boot in which PCR %d is another", async (pcr) => {
  await using other = await softwareTpm();
  const opened = await openSoftwareTpm(other);
  await other.extend(pcr);
  const sealed = await opened.seal(secret, authority);
  await expect(unseal(sealed, opened)).rejects.toMatchObject({ kind: "image" });
});

test("Tpm.measure closes for this boot what was open, until the next one", async () => {
  const state = mkdtempSync(join(tmpdir(), "tpm-state-"));
  let sealed: Uint8Array;
  {
    await using before = await softwareTpm(state);
    const opened = await openSoftwareTpm(before);
    sealed = await opened.seal(secret, authority);
    expect(await unseal(sealed, opened)).toEqual(secret);
    await opened.measure(11, "metropolis:running");
    await expect(unseal(sealed, opened)).rejects.toMatchObject({ kind: "image" });
    // Sealing asks nothing of the image, so it goes on working; opening waits for a boot.
    sealed = await opened.seal(secret, authority);
    await expect(unseal(sealed, opened)).rejects.toMatchObject({ kind: "image" });
  }
  await using after = await softwareTpm(state);
  expect(await unseal(sealed, await openSoftwareTpm(after))).toEqual(secret);
  rmSync(state, { recursive: true });
});

test("Tpm.measure extends every bank that is switched on", async () => {
  await using other = await softwareTpm();
  const banks = async () => {
    const { text } = await run(["tpm2", "pcrread", "sha1:11+sha256:11+sha384:11+sha512:11"], {
      env: { TPM2TOOLS_TCTI: other.tcti },
    });
    return [...text.matchAll(/0x([0-9A-F]+)/g)].map(([, digits = ""]) => digits);
  };
  const before = await banks();
  expect(before.length).toBeGreaterThanOrEqual(2);
  expect(before.filter((digits) => !/^0+$/.test(digits))).toEqual([]);
  await (await openSoftwareTpm(other)).measure(11, "metropolis:running");
  const after = await banks();
  expect(after).toHaveLength(before.length);
  expect(after.filter((digits) => /^0+$/.test(digits))).toEqual([]);
});

test("Tpm.unseal refuses signatures of another key, and for another reference", async () => {
  const sealed = await tpm.seal(secret, authority);
  const stranger = testSigner();
  const forged = { ...stranger.sign(atBoot, EPOCH) };
  await expect(unseal(sealed, tpm, forged)).rejects.toMatchObject({ kind: "unsigned" });
  await expect(
    tpm.unseal(sealed, stranger.key, stranger.sign(atBoot, EPOCH)),
  ).rejects.toMatchObject({ kind: "secureBoot" });
  const older = release.sign(atBoot, "metropolis epoch 0");
  await expect(unseal(sealed, tpm, older)).rejects.toMatchObject({ kind: "secureBoot" });
});

test("Tpm.unseal opens for a release that was signed later", async () => {
  await using next = await softwareTpm();
  const opened = await openSoftwareTpm(next);
  const sealed = await opened.seal(secret, authority);
  await next.extend(11);
  const signed = release.sign(await opened.pcrs(IMAGE), EPOCH);
  expect(await unseal(sealed, opened, signed)).toEqual(secret);
});

test("Tpm.unseal refuses damaged parts before it asks the TPM", async () => {
  const sealed = await tpm.seal(secret, authority);
  for (const bytes of [new Uint8Array(), sealed.subarray(1), sealed.subarray(0, -1)]) {
    await expect(unseal(bytes)).rejects.toMatchObject({ kind: "blob" });
  }
});

test("Tpm.unseal works on a machine that loses its power again and again", async () => {
  const state = mkdtempSync(join(tmpdir(), "tpm-state-"));
  let sealed: Uint8Array | undefined;
  // More often than a TPM lets anyone guess passwords, which is how it takes such ends.
  for (let cut = 0; cut < 6; cut++) {
    await using machine = await softwareTpm(state);
    const opened = await openSoftwareTpm(machine);
    sealed ??= await opened.seal(secret, authority);
    expect(await unseal(sealed, opened)).toEqual(secret);
    await machine.cutPower();
  }
  rmSync(state, { recursive: true });
});

test("Tpm says why when the TPM is gone", async () => {
  const gone = await openTpm({ tcti: "swtpm:path=/no/such/socket", scratch: software.scratch });
  await expect(gone?.random(1)).rejects.toMatchObject({ name: "TpmError", kind: "failed" });
});

test("openTpm gives nothing on a machine without a TPM", async () => {
  if (!hasTpm()) expect(await openTpm()).toBeUndefined();
});
