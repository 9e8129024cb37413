// Who is accepted as a node or a user, and everyone who is not.
import "reflect-metadata";
import { expect, test } from "bun:test";
import * as x509 from "@peculiar/x509";
import {
  issueCa,
  issueEtcdMember,
  issueNode,
  issueUser,
  selfSigned,
  validFor,
} from "./certificate.ts";
import { generateKeyPair } from "./keys.ts";
import { nodeId } from "./node-id.ts";
import {
  CertificateError,
  expiry,
  fingerprint,
  isInTime,
  selfSignedKey,
  verifyCa,
  verifyNode,
  verifyPeer,
  verifyUser,
} from "./verify.ts";

async function newCa() {
  const keyPair = generateKeyPair();
  return { keyPair, certificate: await issueCa(keyPair) };
}

const ca = await newCa();
const foreign = await newCa();
const { publicKey } = generateKeyPair();
const year = validFor(365);
const node = await issueNode(ca, publicKey, year);
const user = await issueUser(ca, publicKey, "owner", year);
const DAY_MS = 86_400_000;

test("verifyNode tells the node's ID and key", () => {
  expect(verifyNode(node, ca.certificate)).toMatchObject({
    kind: "node",
    id: nodeId(publicKey),
    publicKey,
  });
});

test("verifyUser tells the identity", () => {
  const { until, ...peer } = verifyUser(user, ca.certificate);
  expect(peer).toEqual({ kind: "user", name: "owner", publicKey });
  expect(until ?? 0).toBeGreaterThan(expiry(user).getTime());
});

test("verifyNode can insist on one node", () => {
  const id = nodeId(publicKey);
  expect(verifyNode(node, ca.certificate, { id }).id).toBe(id);
  const other = nodeId(generateKeyPair().publicKey);
  expect(() => verifyNode(node, ca.certificate, { id: other })).toThrow("belongs to node");
});

test("nodes and users are not taken for each other", () => {
  expect(() => verifyNode(user, ca.certificate)).toThrow("not meant for this use");
  expect(() => verifyUser(node, ca.certificate)).toThrow("not meant for this use");
});

test.each([
  ["another CA", async () => issueNode(foreign, publicKey, year), "not signed"],
  ["itself", async () => selfSigned(generateKeyPair()), "not signed"],
  ["the CA itself", async () => ca.certificate, "that of a CA"],
  ["nothing", async () => new Uint8Array(), "not a certificate"],
  ["noise", async () => crypto.getRandomValues(new Uint8Array(400)), "not a certificate"],
])("a certificate from %s is refused", async (_, make, reason) => {
  const der = await make();
  expect(() => verifyNode(der, ca.certificate)).toThrow(reason);
  expect(() => verifyUser(der, ca.certificate)).toThrow(CertificateError);
});

test("a node's certificate must carry the ID of its own key", async () => {
  // Both usages and a DNS name: a node in all but its ID.
  const etcd = await issueEtcdMember(ca, publicKey, "metropolis-0", [], year);
  expect(() => verifyNode(etcd, ca.certificate)).toThrow("does not carry the ID");
});

test("a flipped bit anywhere makes a certificate worthless", () => {
  for (let index = 0; index < node.length; index += 7) {
    const damaged = node.slice();
    damaged[index] = (damaged[index] ?? 0) ^ 1;
    expect(() => verifyNode(damaged, ca.certificate)).toThrow(CertificateError);
  }
});

test("a leaf cannot act as CA for others", async () => {
  const keyPair = generateKeyPair();
  const leaf = { keyPair, certificate: await issueNode(ca, keyPair.publicKey, year) };
  const child = await issueNode(leaf, publicKey, year);
  expect(() => verifyNode(child, ca.certificate)).toThrow("not signed");
  expect(() => verifyNode(child, leaf.certificate)).toThrow("not that of a CA");
});

test.each([
  [Date.parse("2019-12-31T22:59:59Z") - Date.now(), "holds only from 2020-01-01T00:00:00Z, and"],
  [Date.parse("2019-12-31T23:00:01Z") - Date.now(), undefined],
  [0, undefined],
  [365 * DAY_MS + 3_500_000, undefined],
  [366 * DAY_MS, "ended at"],
])("validity is judged with an hour's tolerance, at %d ms from now", (offset, reason) => {
  const now = new Date(Date.now() + offset);
  if (reason === undefined) {
    expect(verifyNode(node, ca.certificate, { now }).kind).toBe("node");
  } else {
    expect(() => verifyNode(node, ca.certificate, { now })).toThrow(reason);
  }
});

test("a certificate that does not hold now names its time and the clock's", async () => {
  const der = await issueNode(ca, publicKey, validFor(1, Date.parse("2026-11-26T08:00:00Z")));
  const now = new Date("2036-02-03T04:05:06.789Z");
  const judge = () => verifyNode(der, ca.certificate, { now });
  expect(judge).toThrow(
    "certificate ended at 2026-11-27T08:00:00Z, and the clock here says 2036-02-03T04:05:06Z",
  );
  expect(isInTime(der, now.getTime())).toBe(false);
  expect(isInTime(der, Date.parse("2005-01-01"))).toBe(false);
  expect(isInTime(der, Date.parse("2026-11-27"))).toBe(true);
});

test("a user without a name is refused", async () => {
  const nameless = await issueUser(ca, publicKey, "", year);
  expect(() => verifyUser(nameless, ca.certificate)).toThrow("names nobody");
});

test("a CA with another kind of key is refused", async () => {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const other = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=Other",
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    },
    crypto,
  );
  const der = new Uint8Array(other.rawData);
  expect(() => verifyNode(node, der)).toThrow("not an Ed25519 key");
  expect(() => verifyCa(der)).toThrow("not an Ed25519 key");
});

test("verifyPeer takes nodes and users, one certificate at a time", async () => {
  expect(verifyPeer([node], ca.certificate).kind).toBe("node");
  expect(verifyPeer([user], ca.certificate).kind).toBe("user");
  expect(() => verifyPeer([], ca.certificate)).toThrow("presented 0 certificates");
  expect(() => verifyPeer([user, ca.certificate], ca.certificate)).toThrow("exactly one");
  const stranger = await selfSigned(generateKeyPair());
  expect(() => verifyPeer([stranger], ca.certificate)).toThrow(CertificateError);
});

test("verifyPeer remembers whom it verified, for one CA, and no longer than the certificate holds", () => {
  const presented = [node];
  expect(verifyPeer(presented, ca.certificate)).toBe(verifyPeer(presented, ca.certificate));
  expect(() => verifyPeer(presented, foreign.certificate)).toThrow("not signed");
  const later = new Date(Date.now() + 400 * DAY_MS);
  expect(() => verifyPeer(presented, ca.certificate, { now: later })).toThrow("ended at");
  const other = nodeId(generateKeyPair().publicKey);
  expect(() => verifyPeer(presented, ca.certificate, { id: other })).toThrow("belongs to node");
});

test("verifyCa takes CAs only", () => {
  expect(() => verifyCa(ca.certificate)).not.toThrow();
  expect(() => verifyCa(node)).toThrow("not that of a CA");
});

test("selfSignedKey gives the key of a self-signed certificate", async () => {
  const pair = generateKeyPair();
  expect(selfSignedKey([await selfSigned(pair)])).toEqual(pair.publicKey);
});

test("selfSignedKey makes nobody of anything else", async () => {
  const own = await selfSigned(generateKeyPair());
  const damaged = own.slice();
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  expect(selfSignedKey([])).toBeUndefined();
  expect(selfSignedKey([own, own])).toBeUndefined();
  expect(selfSignedKey([damaged])).toBeUndefined();
  expect(selfSignedKey([node])).toBeUndefined();
  expect(selfSignedKey([new Uint8Array(3)])).toBeUndefined();
});

test("selfSignedKey ignores keys that are not Ed25519", async () => {
  const ecdsa = { name: "ECDSA", namedCurve: "P-256" };
  const keys = await crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);
  const other = await x509.X509CertificateGenerator.createSelfSigned(
    { name: "CN=x", keys },
    crypto,
  );
  expect(selfSignedKey([new Uint8Array(other.rawData)])).toBeUndefined();
});

test("fingerprint is the SHA-256 of the DER, in hex", () => {
  expect(fingerprint(new TextEncoder().encode("abc"))).toBe(
    "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

test("expiry tells when a certificate ends", () => {
  expect(Math.abs(expiry(node).getTime() - year.notAfter.getTime())).toBeLessThan(1_000);
});
