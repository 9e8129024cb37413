// The owner's files: made once, guarded, never overwritten by accident.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPair, type KeyPair, ownerKeyFile } from "../../base/pki/keys.ts";
import { UserError } from "../output/user-error.ts";
import { ContextFolder, contextFiles } from "./context.ts";
import {
  ensureOwnerKey,
  initialCredentials,
  loadOwnerKey,
  ownerCredentials,
  trustedCa,
} from "./owner.ts";

let config = "";
let context: ContextFolder;
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "owner-"));
  context = new ContextFolder(config, "demo");
});
afterEach(() => rmSync(config, { recursive: true }));

test("ensureOwnerKey makes one key per context, for its owner's eyes only", () => {
  const made = ensureOwnerKey(context);
  expect(ensureOwnerKey(context).publicKey).toEqual(made.publicKey);
  expect(loadOwnerKey(context)?.publicKey).toEqual(made.publicKey);
  const other = ensureOwnerKey(new ContextFolder(config, "other"));
  expect(other.publicKey).not.toEqual(made.publicKey);
  expect(statSync(join(context.path, contextFiles.ownerKey)).mode & 0o777).toBe(0o600);
  expect(statSync(context.path).mode & 0o077).toBe(0);
});

test("loadOwnerKey reads the original's file: 64 raw bytes under its own title", () => {
  const text = ownerKeyFile(generateKeyPair());
  expect(text).toStartWith("-----BEGIN METROPOLIS INITIAL OWNER PRIVATE KEY-----\n");
  const body = text.split("\n").filter((line) => !line.startsWith("-----"));
  expect(Buffer.from(body.join(""), "base64")).toHaveLength(64);
  context.write(contextFiles.ownerKey, text.replaceAll("\n", "\r\n"), 0o600);
  expect(loadOwnerKey(context)?.publicKey).toHaveLength(32);
});

test("loadOwnerKey names a file that was cut off anywhere, and loses nothing", () => {
  const text = ownerKeyFile(generateKeyPair());
  for (let length = 0; length < text.length - 2; length += 7) {
    context.write(contextFiles.ownerKey, text.slice(0, length), 0o600);
    expect(() => ensureOwnerKey(context)).toThrow(UserError);
    expect(context.read(contextFiles.ownerKey)).toBe(text.slice(0, length));
  }
});

test("ownerCredentials needs key and certificate, and says what makes them", () => {
  expect(() => ownerCredentials(context)).toThrow("demo owns no cluster: there is none of this");
  ensureOwnerKey(context);
  expect(() => ownerCredentials(context)).toThrow("run metroctl takeownership <address> first");
});

/** A certificate of a key's own. */
async function certified(key: KeyPair): Promise<string> {
  return (await initialCredentials(key)).certificatePem;
}

test("ownerCredentials are a key and the certificate that was made for it", async () => {
  const certificate = await certified(ensureOwnerKey(context));
  context.write(contextFiles.ownerCertificate, certificate, 0o644);
  expect(ownerCredentials(context).certificatePem).toBe(certificate);
  context.write(contextFiles.ownerCertificate, await certified(generateKeyPair()), 0o644);
  expect(() => ownerCredentials(context)).toThrow(
    `${context.path}/owner.pem was not made for the key in owner-key.pem beside it`,
  );
});

test.each([
  ["", "empty"],
  ["ca", "damaged"],
  ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged"],
])("a certificate file with %p is named, and said to be %s", (text, word) => {
  ensureOwnerKey(context);
  for (const file of [contextFiles.ownerCertificate, contextFiles.ca])
    context.write(file, text, 0o644);
  expect(() => ownerCredentials(context)).toThrow(`${context.path}/owner.pem is ${word}: restore`);
  expect(() => trustedCa(context)).toThrow(`${context.path}/ca.pem is ${word}: restore`);
});

test("initialCredentials prove the owner key and nothing else", async () => {
  const key = generateKeyPair();
  const { certificatePem } = await initialCredentials(key);
  const certificate = new X509Certificate(certificatePem);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  const shown = certificate.publicKey.export({ type: "spki", format: "der" });
  expect(Buffer.from(key.publicKey).equals(shown.subarray(-32))).toBe(true);
});

test("trustedCa is none before ownership", () => {
  expect(trustedCa(context)).toBeUndefined();
});
