// Tests of credentials from files.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ETCD_CA_NAME,
  type Issuer,
  issueCa,
  issueEtcdMember,
  validForever,
} from "../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../base/pki/keys.ts";
import { readCredentials } from "./credentials.ts";

async function newCa(): Promise<Issuer> {
  const keyPair = generateKeyPair();
  return { keyPair, certificate: await issueCa(keyPair, ETCD_CA_NAME) };
}

const ca = await newCa();
const key = generateKeyPair();
const member = (issuer: Issuer, name: string) =>
  issueEtcdMember(issuer, key.publicKey, name, ["127.0.0.1"], validForever());

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credentials-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function filled() {
  const path = (name: string) => join(folder, name);
  const files = { ca: path("ca.pem"), certificate: path("cert.pem"), key: path("key.pem") };
  writeFileSync(files.ca, certificatePem(ca.certificate));
  writeFileSync(files.certificate, certificatePem(await member(ca, "curator")));
  writeFileSync(files.key, privateKeyPem(key));
  return files;
}

test("readCredentials gives the CA as DER, and the rest as it is", async () => {
  const { ca: read, keyPem } = await readCredentials(await filled());
  expect(Buffer.from(read).equals(ca.certificate)).toBe(true);
  expect(keyPem).toBe(privateKeyPem(key));
});

test.each(["ca.pem", "cert.pem", "key.pem"])(
  "readCredentials names %s where it is missing",
  async (name) => {
    const files = await filled();
    rmSync(join(folder, name));
    await expect(readCredentials(files)).rejects.toThrow(name);
  },
);
