// Tests of sealing, against true TPMs made of software.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeBlob, encodeBlob } from "./blob.ts";
import { type SoftwareTpm, softwareTpm } from "./test-tpm.ts";
import { hasTpm, openTpm, type Tpm } from "./tpm.ts";

let software: SoftwareTpm;
let tpm: Tpm;

async function open(from: SoftwareTpm): Promise<Tpm> {
  const opened = await openTpm(from);
  if (opened === undefined) throw new TypeError("a TPM with an address is always there");
  return opened;
}

beforeAll(async () => {
  software = await softwareTpm();
  tpm = await open(software);
});

afterAll(() => software[Symbol.asyncDispose]());

const secret = new TextEncoder().encode("node unlock key");

test("Tpm.unseal opens what seal closed, of any size", async () => {
  for (const payload of [
    new Uint8Array(0),
    secret,
    crypto.getRandomValues(new Uint8Array(5_000)),
  ]) {
    expect(await tpm.unseal(await tpm.seal(payload))).toEqual(payload);
  }
});

test("Tpm.seal leaves neither the payload in the blob nor files behind", async () => {
  const before = readdirSync(software.scratch);
  const blob = Buffer.from(await tpm.seal(secret));
  expect(blob.includes(secret)).toBe(false);
  expect(readdirSync(software.scratch)).toEqual(before);
});

test("Tpm does what several callers want at once, in turn", async () => {
  const payloads = [1, 2, 3].map((byte) => new Uint8Array([byte]));
  const blobs = await Promise.all(payloads.map((payload) => tpm.seal(payload)));
  expect(await Promise.all(blobs.map((blob) => tpm.unseal(blob)))).toEqual(payloads);
});

test("Tpm.random gives as many bytes as asked for", async () => {
  expect(await tpm.random(0)).toHaveLength(0);
  const bytes = await tpm.random(70);
  expect(bytes).toHaveLength(70);
  expect(new Set(bytes).size).toBeGreaterThan(20);
});

test("Tpm.unseal refuses what another TPM sealed", async () => {
  await using other = await softwareTpm();
  const blob = await tpm.seal(secret);
  await expect((await open(other)).unseal(blob)).rejects.toMatchObject({ kind: "foreign" });
});

test("Tpm.unseal refuses another Secure Boot state, again and again", async () => {
  await using other = await softwareTpm();
  const opened = await open(other);
  const blob = await opened.seal(secret);
  await other.extend(4);
  // Other PCRs do not matter: a new kernel changes 4, and must not lock the node out.
  expect(await opened.unseal(blob)).toEqual(secret);
  await other.extend(7);
  // More often than the TPM has room for sessions: none may leak.
  for (let round = 0; round < 5; round++) {
    await expect(opened.unseal(blob)).rejects.toMatchObject({ kind: "policy" });
  }
  expect(await opened.unseal(await opened.seal(secret))).toEqual(secret);
});

test("Tpm.unseal works on a machine that loses its power again and again", async () => {
  const state = mkdtempSync(join(tmpdir(), "tpm-state-"));
  let blob: Uint8Array | undefined;
  // More often than a TPM lets anyone guess passwords, which is how it takes such ends.
  for (let cut = 0; cut < 6; cut++) {
    await using software = await softwareTpm(state);
    const opened = await open(software);
    blob ??= await opened.seal(secret);
    expect(await opened.unseal(blob)).toEqual(secret);
    await software.cutPower();
  }
  rmSync(state, { recursive: true });
});

test("Tpm.unseal refuses a changed payload", async () => {
  const blob = decodeBlob(await tpm.seal(secret));
  const ciphertext = blob.ciphertext.map((byte, index) => (index === 0 ? byte ^ 1 : byte));
  const changed = encodeBlob({ ...blob, ciphertext });
  await expect(tpm.unseal(changed)).rejects.toMatchObject({ kind: "blob" });
});

test("Tpm says why when the TPM is gone", async () => {
  const gone = await openTpm({ tcti: "swtpm:path=/no/such/socket", scratch: software.scratch });
  await expect(gone?.random(1)).rejects.toMatchObject({ name: "TpmError", kind: "failed" });
});

test("openTpm gives nothing on a machine without a TPM", async () => {
  if (!hasTpm()) expect(await openTpm()).toBeUndefined();
});
