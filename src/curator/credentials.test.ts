// Credentials from files, and whom the curator takes for its etcd.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ETCD_CA_NAME,
  type Issuer,
  issueCa,
  issueEtcdMember,
  issueNode,
  selfSigned,
  validForever,
} from "../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../base/pki/keys.ts";
import { nodeId } from "../base/pki/node-id.ts";
import { etcdTls, readCredentials } from "./credentials.ts";

async function newCa(): Promise<Issuer> {
  const keyPair = generateKeyPair();
  return { keyPair, certificate: await issueCa(keyPair, ETCD_CA_NAME) };
}

const ca = await newCa();
const key = generateKeyPair();
const id = nodeId(key.publicKey);
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

async function verifier() {
  return etcdTls(await readCredentials(await filled()), id).verify;
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

test("etcdTls trusts the member of this node", async () => {
  const verify = await verifier();
  verify(await member(ca, id));
});

test("etcdTls trusts nobody else on the loopback port", async () => {
  const verify = await verifier();
  const other = nodeId(generateKeyPair().publicKey);
  const impostors = [
    await member(await newCa(), id),
    await member(ca, other),
    await member(ca, "curator"),
    await selfSigned(key),
    await issueNode(await newCa(), key.publicKey, validForever()),
    ca.certificate,
  ];
  for (const certificate of impostors)
    expect(() => verify(certificate)).toThrow(`etcd does not prove to be the member of ${id}`);
});

test("etcdTls takes no bytes for a certificate that are none", async () => {
  const verify = await verifier();
  expect(() => verify(new Uint8Array())).toThrow();
  expect(() => verify(new Uint8Array(500).fill(0x30))).toThrow();
});
