// Tests of the keys of a machine that is about to become a member.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogTree } from "../../base/logtree/logtree.ts";
import type { Machine } from "./attempt.ts";
import { hardware } from "./hardware.ts";
import { ensurePendingKeys } from "./pending-keys.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "node-pending-"));
  path = join(folder, "registration.pb");
});
afterEach(() => rmSync(folder, { recursive: true }));

const log = new LogTree().logger("root");

/** A sealer that knows its own seals only, as a TPM does. */
function machine(secret: number): Machine {
  const seal = async (bytes: Uint8Array) => bytes.map((byte) => byte ^ secret);
  return { seal, unseal: seal, random: async (length) => new Uint8Array(length) };
}

test("the keys are the same after a reboot, and on the disk only sealed", async () => {
  const made = await ensurePendingKeys(path, machine(7), log);
  const bytes = readFileSync(path);
  for (const secret of [made.node.seed, made.join.seed, made.nodeUnlockKey]) {
    expect(bytes.includes(secret)).toBe(false);
  }
  expect(await ensurePendingKeys(path, machine(7), log)).toMatchObject({
    node: made.node,
    join: made.join,
    nodeUnlockKey: made.nodeUnlockKey,
    clusterUnlockKey: made.clusterUnlockKey,
  });
});

test("a file that a power cut left empty is as good as none", async () => {
  writeFileSync(path, "");
  const made = await ensurePendingKeys(path, undefined, log);
  expect((await ensurePendingKeys(path, undefined, log)).node).toEqual(made.node);
});

test("another machine cannot go on with them", async () => {
  await ensurePendingKeys(path, machine(7), log);
  await expect(ensurePendingKeys(path, machine(8), log)).rejects.toThrow("not by this machine");
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
