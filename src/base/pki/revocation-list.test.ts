// Tests of revocation lists, with OpenSSL as their reader.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../process/process.ts";
import { type Issuer, issueCa, issueEtcdMember, validForever } from "./certificate.ts";
import { certificatePem, generateKeyPair } from "./keys.ts";
import { issueRevocationList, serialOf } from "./revocation-list.ts";

const keyPair = generateKeyPair();
const ca: Issuer = { keyPair, certificate: await issueCa(keyPair) };
const time = new Date("2026-11-23T12:00:00Z");

const issue = () => issueEtcdMember(ca, generateKeyPair().publicKey, "member", [], validForever());

/** What OpenSSL says of a certificate, given the list. */
async function verdict(list: Uint8Array, certificate: Uint8Array): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "revocations-"));
  const file = (name: string) => join(folder, name);
  try {
    await Bun.write(file("ca.pem"), certificatePem(ca.certificate));
    await Bun.write(file("cert.pem"), certificatePem(certificate));
    await Bun.write(file("list.der"), list);
    await run([
      "openssl",
      "crl",
      "-inform",
      "DER",
      "-in",
      file("list.der"),
      "-out",
      file("list.pem"),
    ]);
    const files = ["-CAfile", file("ca.pem"), "-CRLfile", file("list.pem")];
    const { text } = await run(["openssl", "verify", "-crl_check", ...files, file("cert.pem")]);
    return text;
  } catch (error) {
    return String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a list revokes whom it names, and nobody else", async () => {
  const [gone, other] = [await issue(), await issue()];
  const list = await issueRevocationList(ca, [{ serial: serialOf(gone), time }]);
  expect(await verdict(list, gone)).toContain("certificate revoked");
  expect(await verdict(list, other)).toContain("OK");
});

test("a list may be empty", async () => {
  expect(await verdict(await issueRevocationList(ca, []), await issue())).toContain("OK");
});

test("equal revocations make equal bytes", async () => {
  const revocations = [{ serial: serialOf(await issue()), time }];
  const lists = await Promise.all([1, 2].map(() => issueRevocationList(ca, revocations)));
  expect(lists[0]).toEqual(lists[1] ?? new Uint8Array());
});

test("serialOf gives the number as it stands in the certificate", async () => {
  const certificate = Buffer.from(await issue());
  expect(certificate.includes(serialOf(certificate))).toBe(true);
});
