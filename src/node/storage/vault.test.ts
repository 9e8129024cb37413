// Tests of the keys of one boot.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterOf, Purpose, SealError } from "./sealed.ts";
import { testGuard, testVault } from "./test-guard.ts";
import { Vault } from "./vault.ts";

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-vault-"));
  folder = join(root, "keys");
});
afterEach(() => rmSync(root, { recursive: true }));

const payload = new TextEncoder().encode("all that the node has to hide");
const label = {
  purpose: Purpose.CONFIGURATION,
  nodeId: "metropolis-1",
  cluster: clusterOf(Uint8Array.of(1)),
};

/** What the machine sealed in an earlier boot. */
async function sealedBefore(content = payload): Promise<Uint8Array> {
  const bytes = await testVault(join(root, "before"), 7).seal(label, content, true);
  rmSync(join(root, "before"), { recursive: true });
  return bytes;
}

test("Vault.open gives what was sealed in an earlier boot, and asks the guard once", async () => {
  const trace: string[] = [];
  const bytes = await sealedBefore();
  const vault = testVault(folder, 7, { trace });
  const opened = { ...label, payload, isSealed: true, isStale: false, epoch: 1 };
  expect(await vault.open(bytes, label.purpose)).toEqual(opened);
  expect(await vault.open(bytes, label.purpose)).toEqual(opened);
  expect(trace).toEqual(["unseal"]);
});

test("Vault.shut lets nothing be opened any more, and is done once", async () => {
  const trace: string[] = [];
  const vault = testVault(folder, 7, { trace });
  await vault.shut();
  await vault.shut();
  await expect(vault.open(await sealedBefore(), label.purpose)).rejects.toThrow("shut");
  expect(trace).toEqual(["shut", "unseal"]);
});

test("an agent that starts again in the same boot goes on with what the first had opened", async () => {
  const bytes = await sealedBefore();
  const guard = testGuard(7);
  const first = new Vault(guard, folder);
  await first.open(bytes, label.purpose);
  await first.shut();
  const second = new Vault(guard, folder);
  expect((await second.open(bytes, label.purpose)).payload).toEqual(payload);
  // Other bytes, were they of the same machine, stay shut.
  const other = await sealedBefore(Uint8Array.of(1));
  await expect(second.open(other, label.purpose)).rejects.toThrow(SealError);
});

test("an agent that sealed in this boot, shut before, opens it after its own restart", async () => {
  const guard = testGuard(7);
  const first = new Vault(guard, folder);
  await first.requireSealing();
  await first.shut();
  const bytes = await first.seal(label, payload, true);
  const second = new Vault(guard, folder);
  await second.requireSealing();
  expect((await second.open(bytes, label.purpose)).payload).toEqual(payload);
});

test("what is kept is for root alone, and ends with the boot", async () => {
  const vault = testVault(folder, 7);
  await vault.open(await sealedBefore(), label.purpose);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder)) {
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  }
  expect(readFileSync(join(folder, "opened")).includes(payload)).toBe(true);
});

test("a boot that has opened keys begins no other installation, opened or half opened", async () => {
  const bytes = await sealedBefore();
  const vault = testVault(folder, 7);
  await vault.beginAnew();
  await vault.open(bytes, label.purpose);
  await expect(vault.beginAnew()).rejects.toThrow("another installation");
  rmSync(folder, { recursive: true });
  // The guard gives the key, the payload does not fit: in memory is the key all the same.
  const swapped = bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1);
  await expect(vault.open(swapped, label.purpose)).rejects.toThrow(SealError);
  await expect(vault.beginAnew()).rejects.toThrow("another installation");
});

test("Vault.requireSealing gives the guard's reason, and asks no more once it may", async () => {
  const refused = testVault(folder, 7, { refusal: "Secure Boot is off" });
  await expect(refused.requireSealing()).rejects.toThrow("Secure Boot is off");
  await expect(refused.seal(label, payload, true)).rejects.toThrow("Secure Boot is off");
  const vault = testVault(folder, 7);
  await vault.requireSealing();
  await vault.shut();
  await vault.requireSealing();
});

test("Vault without a TPM seals nothing, and opens what lies in the open only", async () => {
  const none = new Vault(undefined, folder);
  const open = await none.seal(label, payload, false);
  expect(await none.open(open, label.purpose)).toMatchObject({ payload, isSealed: false });
  const sealed = await sealedBefore();
  for (const attempt of [
    () => none.requireSealing(),
    () => none.seal(label, payload, true),
    () => none.open(sealed, label.purpose),
  ]) {
    await expect(attempt()).rejects.toThrow("there is no TPM");
  }
  await none.shut();
  expect([none.hasTpm, await none.random(4), existsSync(folder)]).toEqual([
    false,
    undefined,
    false,
  ]);
});

test("Vault.open says when a policy key has a successor", async () => {
  const bytes = await sealedBefore();
  const vault = testVault(folder, 7, { policyKeys: [1, 2] });
  expect((await vault.open(bytes, label.purpose)).isStale).toBe(true);
});
