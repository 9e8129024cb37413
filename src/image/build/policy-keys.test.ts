// Policy keys: the same signatures each time, and two keys while one replaces the other.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findSignedPolicy, parseSignedPolicies, pcrPolicy, policyKey } from "../../base/tpm/tpm.ts";
import { makePolicyKey, policyKeys, signedPolicySection } from "./policy-keys.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "policy-keys-"));
  await makePolicyKey(join(folder, "policy.key"));
});
afterEach(() => rm(folder, { recursive: true }));

const values = new Map([
  [9, new Uint8Array(32).fill(1)],
  [11, new Uint8Array(32).fill(2)],
  [12, new Uint8Array(32)],
]);

async function section(epoch?: number) {
  const { name, bytes } = signedPolicySection(await policyKeys(folder), values, epoch);
  expect(name).toBe(".pcrsig");
  return new TextDecoder().decode(bytes);
}

test("makePolicyKey makes a key for nobody else to read", async () => {
  expect((await stat(join(folder, "policy.key"))).mode & 0o777).toBe(0o600);
});

test("signedPolicySection signs these PCRs for every epoch so far, the same each time", async () => {
  const [signer] = await policyKeys(folder);
  const key = policyKey(signer?.pem ?? "");
  const policies = parseSignedPolicies(await section(3));
  expect(await section(3)).toBe(await section(3));
  for (const epoch of [1, 2, 3]) {
    const found = findSignedPolicy(policies, key, `metropolis epoch ${epoch}`);
    expect(found).toMatchObject({ pcrs: [9, 11, 12], policy: pcrPolicy(values) });
  }
  expect(findSignedPolicy(policies, key, "metropolis epoch 4")).toBeUndefined();
});

test("signedPolicySection signs with the next key too while there is one", async () => {
  await makePolicyKey(join(folder, "policy-next.key"));
  const signers = await policyKeys(folder);
  const policies = parseSignedPolicies(await section(1));
  expect(signers).toHaveLength(2);
  expect(new Set(signers.map(({ pem }) => pem)).size).toBe(2);
  for (const { pem } of signers) {
    expect(findSignedPolicy(policies, policyKey(pem), "metropolis epoch 1")).toBeDefined();
  }
});

test("policyKeys refuses a key that TPMs need not know", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  await writeFile(join(folder, "policy-next.key"), pem);
  await expect(policyKeys(folder)).rejects.toThrow("curve P-256");
});
