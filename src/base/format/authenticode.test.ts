// Signatures made here are checked the way firmware does: digest, attributes, RSA.
import { expect, test } from "bun:test";
import {
  createHash,
  createSign,
  createVerify,
  generateKeyPairSync,
  X509Certificate,
} from "node:crypto";
import { peDigest, signPe } from "./authenticode.ts";
import { bitString, type DerElement, integer, oid, raw, readDer, sequence, set } from "./der.ts";
import { readPe } from "./pe.ts";
import { tinyPe } from "./test-pe.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const certificate = selfSigned();
const program = tinyPe(new TextEncoder().encode("a program of UEFI"));

/** The least that counts as a certificate. */
function selfSigned(): X509Certificate {
  const text = (content: string) => new TextEncoder().encode(content);
  const algorithm = sequence(oid("1.2.840.113549.1.1.11"), Uint8Array.of(5, 0));
  const name = sequence(set(sequence(oid("2.5.4.3"), raw(0x0c, text("test")))));
  const validity = sequence(raw(0x17, text("200101000000Z")), raw(0x17, text("490101000000Z")));
  const key = publicKey.export({ type: "spki", format: "der" });
  const body = sequence(integer(7), algorithm, name, validity, name, key);
  const signature = createSign("sha256").update(body).sign(privateKey);
  return new X509Certificate(sequence(body, algorithm, bitString(signature)));
}

/** Follows child numbers down into an element. */
function child(element: DerElement | undefined, ...path: readonly number[]): DerElement {
  const [first, ...rest] = path;
  if (element === undefined) throw new RangeError("no such element");
  return first === undefined ? element : child(element.children()[first], ...rest);
}

function contentOf({ bytes, headerLength }: DerElement): Uint8Array {
  return bytes.subarray(headerLength);
}

/** The PKCS #7 message in a signed file. */
function messageOf(signed: Uint8Array): DerElement {
  const view = new DataView(signed.buffer, signed.byteOffset, signed.byteLength);
  const { certificateEntry } = readPe(signed);
  const offset = view.getUint32(certificateEntry, true);
  expect(offset % 8).toBe(0);
  expect(offset + view.getUint32(certificateEntry + 4, true)).toBe(signed.length);
  expect(view.getUint32(offset, true)).toBe(signed.length - offset);
  expect(view.getUint16(offset + 6, true)).toBe(2);
  return readDer(signed.subarray(offset + 8));
}

test("signPe signs the digest of the program with the key of the certificate", () => {
  const signed = signPe(program, privateKey, certificate);
  const signedData = child(messageOf(signed), 1, 0);
  const content = child(signedData, 2, 1, 0);
  expect(contentOf(child(content, 1, 1))).toEqual(peDigest(signed));

  const signer = child(signedData, 4, 0);
  const attributes = raw(0x31, contentOf(child(signer, 3)));
  const digest = createHash("sha256").update(contentOf(content)).digest();
  expect(attributes.toHex()).toContain(digest.toHex());
  const signature = contentOf(child(signer, 5));
  expect(createVerify("sha256").update(attributes).verify(publicKey, signature)).toBe(true);
  expect(child(signer, 1, 1).bytes).toEqual(integer(7));
  expect(child(signedData, 3, 0).bytes).toEqual(Uint8Array.from(certificate.raw));
});

test("signPe gives the same bytes each time", () => {
  const once = signPe(program, privateKey, certificate);
  expect(signPe(program, privateKey, certificate)).toEqual(once);
});

test("signPe does not sign twice", () => {
  const signed = signPe(program, privateKey, certificate);
  expect(() => signPe(signed, privateKey, certificate)).toThrow("signed already");
});

test("peDigest ignores checksum and signature, and nothing else", () => {
  const digest = peDigest(program);
  expect(peDigest(signPe(program, privateKey, certificate))).toEqual(digest);
  const { checksum } = readPe(program);
  for (const at of [checksum - 1, checksum + 4, 0x300, program.length - 1]) {
    const changed = Uint8Array.from(program);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(peDigest(changed)).not.toEqual(digest);
  }
  const other = Uint8Array.from(program);
  other.fill(0x55, checksum, checksum + 4);
  expect(peDigest(other)).toEqual(digest);
});

test("peDigest counts what lies behind the last section", () => {
  const longer = Buffer.concat([program, new Uint8Array(8)]);
  expect(peDigest(longer)).not.toEqual(peDigest(program));
});
