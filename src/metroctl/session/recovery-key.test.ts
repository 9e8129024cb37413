// The recovery key: one per context, guarded, and told when it is missing.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ageRecipient } from "../../base/pki/age.ts";
import { run } from "../../base/process/process.ts";
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

test("the saved file is an identity of age, and says whose it is", async () => {
  const { publicKey } = ensureRecoveryKey(context);
  const path = join(context.path, contextFiles.recoveryKey);
  const { text } = await run(["age-keygen", "-y", path]);
  expect(text.trim()).toBe(ageRecipient(publicKey));
  expect(readFileSync(path, "utf8")).toContain(`# public key: ${ageRecipient(publicKey)}\n`);
  expect(recoveryKey(context).publicKey).toEqual(publicKey);
});

test("recoveryKey says where a missing key would be", () => {
  expect(loadRecoveryKey(context)).toBeUndefined();
  expect(() => recoveryKey(context)).toThrow("has no recovery-key.txt: use the machine");
});

test.each(["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])(
  "loadRecoveryKey tells of a damaged file: %p",
  (text) => {
    context.write(contextFiles.recoveryKey, text, 0o600);
    expect(() => loadRecoveryKey(context)).toThrow(UserError);
    expect(() => ensureRecoveryKey(context)).toThrow("recovery-key.txt is damaged");
  },
);
