// Tests of etcd's certificates.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyPairFromPem } from "../../base/pki/keys.ts";
import { type DataPaths, paths } from "../storage/paths.ts";
import { caRecords, createEtcdCa, createMember } from "./pki.ts";

let root: string;
let data: DataPaths;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-pki-"));
  data = paths(root).data;
});
afterEach(() => rmSync(root, { recursive: true }));

const nodeId = `metropolis-${"a".repeat(32)}`;
const certificate = (path: string) => new X509Certificate(readFileSync(path));

test("createMember writes a member's and a client's credentials under one CA", async () => {
  const ca = await createEtcdCa();
  await createMember(ca, nodeId, data);
  const authority = new X509Certificate(ca.certificate);
  for (const { ca: caFile, certificate: own } of [data.etcdPeer, data.etcdClient]) {
    expect(certificate(own).verify(authority.publicKey)).toBe(true);
    expect(certificate(caFile).raw).toEqual(authority.raw);
  }
  expect(certificate(data.etcdPeer.certificate).subjectAltName).toBe(
    `DNS:${nodeId}, IP Address:127.0.0.1`,
  );
});

test("createMember keeps keys to their owner, and the CA's key off the disk", async () => {
  const ca = await createEtcdCa();
  await createMember(ca, nodeId, data);
  for (const path of [data.etcdPeer.key, data.etcdClient.key]) {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(keyPairFromPem(readFileSync(path, "utf8")).seed).not.toEqual(ca.keyPair.seed);
  }
});

test("caRecords keep the original's names", async () => {
  const records = caRecords(await createEtcdCa());
  expect([...records.keys()]).toEqual([
    "/pki/issued/etcd-ca-cert.der",
    "/pki/keys/etcd-ca-privkey.bin",
  ]);
});
