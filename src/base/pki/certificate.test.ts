// Each profile, field by field, read back by the x509 library.
import "reflect-metadata";
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import {
  CLUSTER_CA_NAME,
  ETCD_CA_NAME,
  issueCa,
  issueEtcdMember,
  issueNode,
  issueUser,
  selfSigned,
  validFor,
  validForever,
} from "./certificate.ts";
import { generateKeyPair } from "./keys.ts";
import { nodeId } from "./node-id.ts";

const caKeys = generateKeyPair();
const ca = { keyPair: caKeys, certificate: await issueCa(caKeys) };
const { publicKey } = generateKeyPair();
const node = await issueNode(ca, publicKey, validFor(365));
const owner = await issueUser(ca, publicKey, "owner", validFor(365));

/** What a certificate says, in the words of the profile. */
function profile(der: Uint8Array) {
  const certificate = new x509.X509Certificate(der);
  const basic = certificate.getExtension(x509.BasicConstraintsExtension);
  const usages = certificate.getExtension(x509.KeyUsagesExtension);
  return {
    subject: certificate.subject,
    issuer: certificate.issuer,
    isCa: basic?.ca,
    basicIsCritical: basic?.critical,
    keyUsage: usages?.usages,
    keyUsageIsCritical: usages?.critical,
    extended: certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages,
    names: certificate
      .getExtension(x509.SubjectAlternativeNameExtension)
      ?.names.items.map(({ type, value }) => `${type}:${value}`),
  };
}

const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = x509.KeyUsageFlags;
const clientAuth = "1.3.6.1.5.5.7.3.2";
const serverAuth = "1.3.6.1.5.5.7.3.1";
const ocspSigning = "1.3.6.1.5.5.7.3.9";
const leaf = { isCa: false, basicIsCritical: true, keyUsageIsCritical: true } as const;

test("issueCa makes the cluster's CA, which never ends", () => {
  expect(profile(ca.certificate)).toEqual({
    subject: `CN=${CLUSTER_CA_NAME}`,
    issuer: `CN=${CLUSTER_CA_NAME}`,
    isCa: true,
    basicIsCritical: true,
    keyUsage: digitalSignature | keyCertSign | cRLSign,
    keyUsageIsCritical: true,
    extended: [clientAuth, serverAuth, ocspSigning],
    names: undefined,
  });
  const parsed = new X509Certificate(ca.certificate);
  expect(parsed.validToDate).toEqual(new Date("9999-12-31T23:59:59Z"));
  expect(parsed.ca).toBe(true);
});

test("issueNode names the node by its ID and makes it a server only", () => {
  const id = nodeId(publicKey);
  expect(profile(node)).toEqual({
    ...leaf,
    subject: `CN=${id}`,
    issuer: `CN=${CLUSTER_CA_NAME}`,
    keyUsage: digitalSignature | keyEncipherment,
    extended: [serverAuth],
    names: [`dns:${id}`],
  });
});

test("issueUser names the identity and makes it a client only", () => {
  expect(profile(owner)).toEqual({
    ...leaf,
    subject: "CN=owner",
    issuer: `CN=${CLUSTER_CA_NAME}`,
    keyUsage: digitalSignature | keyEncipherment,
    extended: [clientAuth],
    names: undefined,
  });
});

test("issueEtcdMember makes both ends of a connection, with addresses", async () => {
  const etcdCa = { keyPair: caKeys, certificate: await issueCa(caKeys, ETCD_CA_NAME) };
  const member = await issueEtcdMember(etcdCa, publicKey, "n1", ["127.0.0.1", "::1"], validFor(1));
  expect(profile(member)).toMatchObject({
    ...leaf,
    subject: "CN=n1",
    issuer: `CN=${ETCD_CA_NAME}`,
    extended: [clientAuth, serverAuth],
    names: ["dns:n1", "ip:127.0.0.1", "ip:::1"],
  });
});

test("selfSigned names nobody and has serial 1", async () => {
  const der = await selfSigned(caKeys);
  expect(profile(der)).toEqual({
    ...leaf,
    subject: "",
    issuer: "",
    keyUsage: digitalSignature | keyEncipherment | keyCertSign,
    extended: [clientAuth],
    names: undefined,
  });
  const parsed = new X509Certificate(der);
  expect(parsed.serialNumber).toBe("01");
  expect(parsed.verify(parsed.publicKey)).toBe(true);
});

test("leaves point to the CA's key", () => {
  const authority = new x509.X509Certificate(node).getExtension(
    x509.AuthorityKeyIdentifierExtension,
  );
  const subject = new x509.X509Certificate(ca.certificate).getExtension(
    x509.SubjectKeyIdentifierExtension,
  );
  expect(authority?.keyId).toBe(subject?.keyId ?? "");
});

test("serial numbers are random, positive and 16 bytes long", async () => {
  const serials = new Set<string>();
  for (let index = 0; index < 50; index++) {
    const der = await issueUser(ca, publicKey, "x", validFor(1));
    const { serialNumber } = new x509.X509Certificate(der);
    expect(serialNumber).toMatch(/^[0-7][0-9a-f]{31}$/);
    serials.add(serialNumber);
  }
  expect(serials.size).toBe(50);
});

test("validity begins before any clock, and ends as many days ahead", () => {
  const { notBefore, notAfter } = validFor(2, Date.parse("2036-01-01T12:00:00Z"));
  expect(notAfter).toEqual(new Date("2036-01-03T12:00:00Z"));
  expect(notBefore).toEqual(new Date("2020-01-01T00:00:00Z"));
  expect(validForever()).toEqual({ notBefore, notAfter: new Date("9999-12-31T23:59:59Z") });
});

test("an identity with odd characters stays one name", async () => {
  const odd = 'a,CN=owner+O=x"\\';
  const der = await issueUser(ca, publicKey, odd, validFor(1));
  const names = new x509.X509Certificate(der).subjectName.getField("CN");
  expect(names).toEqual([odd]);
});
