// Tests of the node's credentials.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueCa, issueNode, validFor } from "../../base/pki/certificate.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { CertificateError } from "../../base/pki/verify.ts";
import { loadCredentials, makeCredentials, saveCredentials } from "./credentials.ts";
import { paths } from "./paths.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-credentials-"));
});
afterEach(() => rmSync(root, { recursive: true }));

async function issue() {
  const caKey = generateKeyPair();
  const ca = await issueCa(caKey);
  const keyPair = generateKeyPair();
  const issuer = { keyPair: caKey, certificate: ca };
  return { ca, keyPair, certificate: await issueNode(issuer, keyPair.publicKey, validFor(30)) };
}

test("loadCredentials gives back what saveCredentials wrote, for root's eyes only", async () => {
  const { ca, keyPair, certificate } = await issue();
  const own = makeCredentials(keyPair, certificate, ca);
  const { credentials } = paths(root).data;
  await saveCredentials(credentials, own);
  expect(await loadCredentials(credentials)).toEqual(own);
  expect(statSync(credentials.key).mode & 0o777).toBe(0o600);
});

test("makeCredentials refuses a certificate of another key or another CA", async () => {
  const one = await issue();
  const other = await issue();
  const { keyPair, certificate, ca } = one;
  expect(() => makeCredentials(other.keyPair, certificate, ca)).toThrow(CertificateError);
  expect(() => makeCredentials(keyPair, certificate, other.ca)).toThrow(CertificateError);
});
