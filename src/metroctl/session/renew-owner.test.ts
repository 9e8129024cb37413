// The owner's certificate near its end, against a real server that gives a new one.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { issueUser, validFor } from "../../base/pki/certificate.ts";
import { certificateDer, certificatePem } from "../../base/pki/keys.ts";
import { expiry } from "../../base/pki/verify.ts";
import { TestControlPlane } from "../test-control-plane.ts";
import { contextFiles } from "./context.ts";
import { ensureOwnerKey, ownerCredentials } from "./owner.ts";
import { renewedCredentials } from "./renew-owner.ts";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(() => plane[Symbol.asyncDispose]());

const DAY_MS = 86_400_000;

/** The owner's certificate, with so many days left. */
async function owned(days: number): Promise<string> {
  const { publicKey } = ensureOwnerKey(plane.context);
  const pem = certificatePem(await issueUser(plane.issuer, publicKey, "owner", validFor(days)));
  plane.context.write(contextFiles.ownerCertificate, pem, 0o644);
  return pem;
}

const saved = () => plane.context.read(contextFiles.ownerCertificate);
const renew = (endpoint = plane.endpoint, now?: number) =>
  renewedCredentials(
    plane.context,
    ownerCredentials(plane.context),
    { ca: plane.ca, reach: () => ({ endpoints: [endpoint] }) },
    now,
  );

test("a certificate with a year left is left alone, and nobody is asked", async () => {
  const before = await owned(365);
  expect((await renew("127.0.0.1:1")).certificatePem).toBe(before);
  expect(saved()).toBe(before);
});

test("one that ends soon is renewed in passing, and saved", async () => {
  const before = await owned(20);
  plane.certificateDays = 730;
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "list");
  expect({ stdout, stderr, exitCode }).toEqual({
    stdout: `${plane.id}\n`,
    stderr: "",
    exitCode: 0,
  });
  expect(saved()).not.toBe(before);
  const end = expiry(certificateDer(saved() ?? "")).getTime();
  expect(end - Date.now()).toBeGreaterThan(700 * DAY_MS);
});

test("one that has ended is renewed too: the key is what counts", async () => {
  await owned(1);
  plane.certificateDays = 730;
  const { certificatePem: next } = await renew(plane.endpoint, Date.now() + 5 * DAY_MS);
  expect(next).toBe(saved() ?? "");
  expect(expiry(certificateDer(next)).getTime() - Date.now()).toBeGreaterThan(700 * DAY_MS);
});

test("a renewal that fails is for the next time, unless there is none", async () => {
  const before = await owned(20);
  plane.isForeign = true;
  expect((await renew()).certificatePem).toBe(before);
  const late = renew(plane.endpoint, Date.now() + 30 * DAY_MS);
  await expect(late).rejects.toThrow("the owner's certificate has ended, and could not be renewed");
});
