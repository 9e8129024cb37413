// Tests of the keys of a machine that is about to become a member.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogTree } from "../../base/logtree/logtree.ts";
import { testVault } from "../storage/test-guard.ts";
import { hardware } from "./hardware.ts";
import { ensurePendingKeys, type PendingOptions } from "./pending-keys.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "node-pending-"));
  path = join(folder, "registration.pb");
});
afterEach(() => rmSync(folder, { recursive: true }));

const log = new LogTree().logger("root");

const ca = Uint8Array.of(1);

/** The next boot of a machine that registers. */
function boot(secret: number, more: Partial<PendingOptions> = {}): PendingOptions {
  const kept = join(folder, "kept");
  rmSync(kept, { recursive: true, force: true });
  return { path, vault: testVault(kept, secret), clusterCa: ca, canSeal: true, log, ...more };
}

test("the keys are the same after a reboot, and on the disk only sealed", async () => {
  const made = await ensurePendingKeys(boot(7));
  const bytes = readFileSync(path);
  for (const secret of [made.node.seed, made.join.seed, made.nodeUnlockKey]) {
    expect(bytes.includes(secret)).toBe(false);
  }
  expect(await ensurePendingKeys(boot(7))).toMatchObject({
    node: made.node,
    join: made.join,
    nodeUnlockKey: made.nodeUnlockKey,
    clusterUnlockKey: made.clusterUnlockKey,
  });
});

test("a file that a power cut left empty is as good as none", async () => {
  writeFileSync(path, "");
  const made = await ensurePendingKeys(boot(7, { canSeal: false }));
  expect((await ensurePendingKeys(boot(7, { canSeal: false }))).node).toEqual(made.node);
});

test("another machine cannot go on with them", async () => {
  await ensurePendingKeys(boot(7));
  await expect(ensurePendingKeys(boot(8))).rejects.toThrow("belongs elsewhere");
});

test("keys that lay in the open are made anew once the TPM can seal", async () => {
  const open = await ensurePendingKeys(boot(7, { canSeal: false }));
  const sealed = await ensurePendingKeys(boot(7));
  expect(sealed.node).not.toEqual(open.node);
  expect(readFileSync(path).includes(sealed.node.seed)).toBe(false);
});

test("keys made for one cluster are not even opened for another", async () => {
  const made = await ensurePendingKeys(boot(7));
  const trace: string[] = [];
  const vault = testVault(join(folder, "other"), 7, { trace });
  const other = { ...boot(7), vault, clusterCa: Uint8Array.of(2) };
  expect((await ensurePendingKeys(other)).node).not.toEqual(made.node);
  expect(trace).toEqual(["seal"]);
});

test("hardware is what the firmware says, in one printable line each", () => {
  writeFileSync(join(folder, "sys_vendor"), "Vendor \u001b[1mInc.\nmore\n");
  writeFileSync(join(folder, "product_name"), `${"x".repeat(100)}\n`);
  expect(hardware(folder)).toEqual({
    vendor: "Vendor ?[1mInc.",
    model: "x".repeat(64),
    serial: "",
  });
});
