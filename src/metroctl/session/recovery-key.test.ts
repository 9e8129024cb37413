// The recovery key: one per context, guarded, and told when it is missing.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decryptWith, encryptTo } from "../../base/pki/sealed-box.ts";
import { UserError } from "../output/user-error.ts";
import { ContextFolder, contextFiles } from "./context.ts";
import { ensureRecoveryKey, loadRecoveryKey, recoveryKey } from "./recovery-key.ts";

let config = "";
let context: ContextFolder;
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "recovery-"));
  context = new ContextFolder(config, "demo");
});
afterEach(() => rmSync(config, { recursive: true }));

test("ensureRecoveryKey makes one key per context, for its owner's eyes only", () => {
  const made = ensureRecoveryKey(context);
  expect(ensureRecoveryKey(context)).toEqual(made);
  const other = ensureRecoveryKey(new ContextFolder(config, "other"));
  expect(other.publicKey).not.toEqual(made.publicKey);
  expect(statSync(join(context.path, contextFiles.recoveryKey)).mode & 0o777).toBe(0o600);
});

test("the saved key opens what was closed with the public half", () => {
  const box = encryptTo(ensureRecoveryKey(context).publicKey, Buffer.from("a backup"));
  expect(Buffer.from(decryptWith(recoveryKey(context), box)).toString()).toBe("a backup");
});

test("recoveryKey says where a missing key would be", () => {
  expect(loadRecoveryKey(context)).toBeUndefined();
  expect(() => recoveryKey(context)).toThrow("has no recovery-key.pem: use the machine");
});

test.each(["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])(
  "loadRecoveryKey tells of a damaged file: %p",
  (text) => {
    context.write(contextFiles.recoveryKey, text, 0o600);
    expect(() => loadRecoveryKey(context)).toThrow(UserError);
    expect(() => ensureRecoveryKey(context)).toThrow("recovery-key.pem is damaged");
  },
);
