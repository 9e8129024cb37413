// Authenticode: the signature inside a PE file that Secure Boot checks. Deterministic, as there is
// no time in it: the same file, key and certificate give the same bytes.
import { createHash, createSign, type KeyObject, type X509Certificate } from "node:crypto";
import {
  bitString,
  explicit,
  integer,
  octetString,
  oid,
  raw,
  readDer,
  sequence,
  set,
} from "./der.ts";
import { FormatError } from "./format.ts";
import { type PeLayout, readPe } from "./pe.ts";

const OID = {
  sha256: "2.16.840.1.101.3.4.2.1",
  rsa: "1.2.840.113549.1.1.1",
  signedData: "1.2.840.113549.1.7.2",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  indirectData: "1.3.6.1.4.1.311.2.1.4",
  peImageData: "1.3.6.1.4.1.311.2.1.15",
} as const;

const NULL = Uint8Array.of(5, 0);
/** Revision 2.0 of WIN_CERTIFICATE, holding a PKCS #7 message. */
const WIN_CERTIFICATE = [0x0200, 0x0002] as const;

/**
 * The digest that stands for a PE file: all of it but its checksum and its signatures.
 *
 * The parts are hashed in the order the standard gives, which is that of the file for every
 * ordinary one.
 */
export function peDigest(bytes: Uint8Array): Uint8Array {
  const pe = readPe(bytes);
  const hash = createHash("sha256");
  hash.update(bytes.subarray(0, pe.checksum));
  hash.update(bytes.subarray(pe.checksum + 4, pe.certificateEntry));
  hash.update(bytes.subarray(pe.certificateEntry + 8, pe.headersSize));
  let hashed = pe.headersSize;
  const inOrder = pe.sections.filter(({ rawSize }) => rawSize > 0);
  for (const { rawOffset, rawSize } of inOrder.toSorted((a, b) => a.rawOffset - b.rawOffset)) {
    hash.update(bytes.subarray(rawOffset, rawOffset + rawSize));
    hashed += rawSize;
  }
  hash.update(bytes.subarray(hashed, signedLength(bytes, pe)));
  return hash.digest();
}

function signedLength(bytes: Uint8Array, { certificateEntry }: PeLayout): number {
  const size = viewOf(bytes).getUint32(certificateEntry + 4, true);
  return bytes.length - size;
}

/** Signs a PE file that has no signature yet, with an RSA key and its certificate. */
export function signPe(
  bytes: Uint8Array,
  key: KeyObject,
  certificate: X509Certificate,
): Uint8Array {
  const pe = readPe(bytes);
  if (signedLength(bytes, pe) !== bytes.length) throw new FormatError("pe: is signed already");
  const body = padded(bytes);
  // The checksum is optional for UEFI; zero says that there is none.
  viewOf(body).setUint32(pe.checksum, 0, true);
  const message = signedMessage(peDigest(body), key, certificate);
  const entry = padded(Buffer.concat([new Uint8Array(8), message]));
  const header = viewOf(entry);
  header.setUint32(0, entry.length, true);
  header.setUint16(4, WIN_CERTIFICATE[0], true);
  header.setUint16(6, WIN_CERTIFICATE[1], true);
  viewOf(body).setUint32(pe.certificateEntry, body.length, true);
  viewOf(body).setUint32(pe.certificateEntry + 4, entry.length, true);
  return Buffer.concat([body, entry]);
}

/** The PKCS #7 message: what was signed, by whom, and the signature. */
function signedMessage(
  digest: Uint8Array,
  key: KeyObject,
  certificate: X509Certificate,
): Uint8Array {
  const sha256 = sequence(oid(OID.sha256), NULL);
  const content = indirectData(digest, sha256);
  const attributes = set(
    sequence(oid(OID.contentType), set(oid(OID.indirectData))),
    sequence(oid(OID.messageDigest), set(octetString(contentDigest(content)))),
  );
  const signature = createSign("sha256").update(attributes).sign(key);
  const signer = sequence(
    integer(1),
    issuerAndSerial(certificate.raw),
    sha256,
    // Inside the message the attributes bear tag [0], but what is signed bears that of a set.
    raw(0xa0, attributes.subarray(headerLength(attributes))),
    sequence(oid(OID.rsa), NULL),
    octetString(signature),
  );
  const signedData = sequence(
    integer(1),
    set(sha256),
    sequence(oid(OID.indirectData), explicit(0, content)),
    raw(0xa0, certificate.raw),
    set(signer),
  );
  return sequence(oid(OID.signedData), explicit(0, signedData));
}

/** SpcIndirectDataContent: "the digest of a PE image". The text in it is the standard's. */
function indirectData(digest: Uint8Array, algorithm: Uint8Array): Uint8Array {
  const obsolete = Buffer.from("<<<Obsolete>>>", "utf16le").swap16();
  const file = explicit(0, raw(0xa2, raw(0x80, obsolete)));
  const image = sequence(oid(OID.peImageData), sequence(bitString(new Uint8Array()), file));
  return sequence(image, sequence(algorithm, octetString(digest)));
}

/** Only the inside of the content is digested, not its own tag and length. */
function contentDigest(content: Uint8Array): Uint8Array {
  return createHash("sha256")
    .update(content.subarray(headerLength(content)))
    .digest();
}

function headerLength(der: Uint8Array): number {
  return readDer(der).headerLength;
}

/** Names a certificate by issuer and serial number, cut out of it as they stand. */
function issuerAndSerial(certificate: Uint8Array): Uint8Array {
  const [body] = readDer(certificate).children();
  const fields = body?.children() ?? [];
  // The version field is optional and marked with tag [0].
  const [serial, , issuer] = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
  if (serial === undefined || issuer === undefined) throw new FormatError("x509: cut short");
  return sequence(issuer.bytes, serial.bytes);
}

/** A copy, filled up to the eight bytes that certificate tables are aligned to. */
function padded(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  result.set(bytes);
  return result;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
