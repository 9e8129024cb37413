// Replacing the owner's key, against a real server that plays the control plane's part, with
// power cuts at every place where the workstation may lose it.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdirSync, rmdirSync, rmSync } from "node:fs";
import { issueUser, validFor } from "../../base/pki/certificate.ts";
import { certificateDer, ownerKeyFile } from "../../base/pki/keys.ts";
import { provesRotation } from "../../base/pki/owner-rotation.ts";
import { verifyUser } from "../../base/pki/verify.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { TestControlPlane } from "../test-control-plane.ts";
import { openCluster } from "./cluster.ts";
import { contextFiles } from "./context.ts";
import { adoptOwner, ensureOwnerKey, loadOwnerKey, ownerCredentials } from "./owner.ts";
import { rotateOwner } from "./rotate-owner.ts";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
  plane.owner = ensureOwnerKey(plane.context).publicKey;
});
afterEach(() => plane[Symbol.asyncDispose]());

const args = () => ({ config: plane.context.path, context: "default" });
const next = () => plane.context.read(contextFiles.nextOwnerKey);

/** The context holds the key that owns the cluster, its certificate, and nothing half done. */
function expectSettled(): void {
  const own = loadOwnerKey(plane.context)?.publicKey;
  expect(own).toEqual(new Uint8Array(plane.owner ?? []));
  const certificate = certificateDer(plane.context.read(contextFiles.ownerCertificate) ?? "");
  expect(verifyUser(certificate, plane.ca).publicKey).toEqual(own ?? new Uint8Array());
  expect(next()).toBeUndefined();
}

test("rotateOwner makes a key, proves it, and takes it up", async () => {
  const present = plane.owner ?? new Uint8Array();
  await rotateOwner(args());
  expect(plane.owner).not.toEqual(present);
  expectSettled();
  const request = plane.changes[0]?.request ?? {};
  const proof: unknown = Reflect.get(request, "proof");
  if (!(proof instanceof Uint8Array)) throw new TypeError("no proof was sent");
  const rotation = { ca: plane.ca, present };
  expect(provesRotation(proof, plane.owner ?? present, rotation)).toBe(true);
});

test("rotateOwner takes the key up although the answer was lost", async () => {
  plane.losesAnswer = true;
  await rotateOwner(args());
  expectSettled();
});

test("a key that was on the disk before the cluster heard of it is used, and no other", async () => {
  const { publicKey } = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
  await rotateOwner(args());
  expect(Buffer.compare(plane.owner ?? new Uint8Array(), publicKey)).toBe(0);
  expectSettled();
});

test("any command finishes a rotation that the cluster has done, and none is done twice", async () => {
  const key = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
  plane.owner = key.publicKey;
  using _ = await openCluster(args());
  expectSettled();
  // Power was cut between key and certificate.
  plane.context.write(contextFiles.nextOwnerKey, ownerKeyFile(key), 0o600);
  await rotateOwner(args());
  expect(plane.changes).toEqual([]);
  expectSettled();
});

test("a rotation that the cluster has not done costs nobody the cluster", async () => {
  const key = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
  using cluster = await openCluster(args());
  expect(await cluster.nodes()).toHaveLength(1);
  expect(loadOwnerKey(plane.context, contextFiles.nextOwnerKey)).toEqual(key);
});

test("a rotation that the cluster has not done is told of, with how it goes on", async () => {
  plane.refusal = new RpcError(Code.failedPrecondition, "no room");
  const refused = await plane.metroctl("cluster", "owner", "rotate");
  expect(refused.stderr).toStartWith(
    "Error: the owner's key was not replaced: the one of before owns the cluster: no room",
  );
  const { stderr } = await plane.metroctl("node", "list");
  expect(stderr).toContain(
    "Warning: a rotation of the owner's key was begun and did not happen: owner-key.next.pem",
  );
  expect(stderr).toEndWith("metroctl cluster owner rotate goes on with it\n");
  plane.refusal = undefined;
  await plane.metroctl("cluster", "owner", "rotate");
  expectSettled();
  expect((await plane.metroctl("node", "list")).stderr).toBe("");
});

test("adoptOwner forgets last that there is a key to adopt", async () => {
  const key = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
  plane.owner = key.publicKey;
  adoptOwner(plane.context, key, new Uint8Array(1));
  expect(next()).toBeUndefined();
  expect(loadOwnerKey(plane.context)).toEqual(key);
});

/** What is on the disk when writing stops at one of adoptOwner's files. */
async function adoptUntil(file: string): Promise<void> {
  const key = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
  plane.owner = key.publicKey;
  const certificate = await issueUser(plane.issuer, key.publicKey, "owner", validFor(1));
  const path = `${plane.context.path}/${file}`;
  const before = plane.context.read(file) ?? "";
  // Nothing takes a folder's name: it stops there, as a full disk or a power cut would.
  rmSync(path);
  mkdirSync(path);
  expect(() => adoptOwner(plane.context, key, certificate)).toThrow(`write ${path}`);
  rmdirSync(path);
  plane.context.write(file, before, 0o600);
}

test.each([contextFiles.ownerKey, contextFiles.ownerCertificate])(
  "a power cut at %s leaves a key with its certificate, and the next command finishes",
  async (file) => {
    await adoptUntil(file);
    // What locked members are shown; no leader is there to give another certificate.
    const { keyPem, certificatePem } = ownerCredentials(plane.context);
    expect(new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem))).toBe(
      true,
    );
    using _ = await openCluster(args());
    expectSettled();
  },
);

test("takeownership finishes a rotation, where the members of before are gone", async () => {
  plane.owner = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey).publicKey;
  plane.context.saveReach({ endpoints: ["127.0.0.1:1"] });
  const { stderr, exitCode } = await plane.metroctl("takeownership", plane.endpoint);
  expect(stderr).toContain("You now own this cluster");
  expect(exitCode).toBe(0);
  expectSettled();
});

test("takeownership keeps a key that waits for its rotation, and the key of before", async () => {
  const waiting = ensureOwnerKey(plane.context, contextFiles.nextOwnerKey);
  const present = loadOwnerKey(plane.context);
  expect((await plane.metroctl("takeownership", plane.endpoint)).exitCode).toBe(0);
  expect(loadOwnerKey(plane.context)).toEqual(present);
  expect(loadOwnerKey(plane.context, contextFiles.nextOwnerKey)).toEqual(waiting);
});

test("metroctl cluster owner rotate says what is to be done now", async () => {
  const { stdout, exitCode } = await plane.metroctl("cluster", "owner", "rotate");
  expect({ stdout, exitCode }).toEqual({
    stdout:
      "Another key owns the cluster now, and is in this context; the old one is refused everywhere. Keep a copy of owner-key.pem, and make a new backup\n",
    exitCode: 0,
  });
  expectSettled();
});
