// Who a certificate belongs to. TLS has proven the possession of the key and
// nothing else; the rules of the cluster are all here. A node is a server
// certificate, a user a client certificate, and each is exactly one: chains
// are not accepted.
import { X509Certificate } from "node:crypto";
import { rawPublicKey } from "./keys.ts";
import { nodeId } from "./node-id.ts";
import type { NodePeer, Peer, UserPeer } from "./peer.ts";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** How wrong a clock may be. */
const CLOCK_TOLERANCE_MS = 3_600_000;

/** A certificate that does not hold. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

/**
 * A certificate that does not hold now. Whether its time or the clock is wrong nobody can tell, so
 * the message names both.
 */
export class CertificateTimeError extends CertificateError {
  readonly #limit: string;
  readonly #now: string;

  constructor(limit: string, now: number) {
    super(`${limit}, and the clock here says ${clockText(now)}`);
    this.#limit = limit;
    this.#now = clockText(now);
  }

  /** The same for whoever is told it from afar. */
  get fromAfar(): string {
    return `${this.#limit}, and the clock of the node that was asked says ${this.#now}`;
  }
}

function clockText(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

/** What verification looks at besides the certificate. */
export interface VerifyOptions {
  readonly now?: Date | undefined;
  /** Do not judge the time, where it only matters who somebody is. */
  readonly atAnyTime?: boolean | undefined;
  /** Accept this node only. */
  readonly id?: string | undefined;
}

/** The node that a certificate of the cluster names; throws a {@link CertificateError}. */
export function verifyNode(
  der: Uint8Array,
  caDer: Uint8Array,
  { id, ...time }: VerifyOptions = {},
): NodePeer {
  const { certificate, publicKey } = verifyMember(der, caDer, time);
  requireUsage(certificate, SERVER_AUTH);
  const expected = nodeId(publicKey);
  if (commonName(certificate) !== expected || !hasDnsName(certificate, expected)) {
    throw new CertificateError("certificate does not carry the ID of its key");
  }
  if (id !== undefined && id !== expected) {
    throw new CertificateError(`certificate belongs to node ${expected}, want ${id}`);
  }
  return { kind: "node", id: expected, publicKey, until: endOf(certificate) };
}

/** The user that a certificate of the cluster names; throws a {@link CertificateError}. */
export function verifyUser(der: Uint8Array, caDer: Uint8Array, time: VerifyOptions = {}): UserPeer {
  const { certificate, publicKey } = verifyMember(der, caDer, time);
  requireUsage(certificate, CLIENT_AUTH);
  const name = commonName(certificate);
  if (name === "") throw new CertificateError("certificate names nobody");
  return { kind: "user", name, publicKey, until: endOf(certificate) };
}

/**
 * The key that a list of presented certificates proves: it must be one, with
 * an Ed25519 key, signed by itself. Undefined for anything else, however odd.
 */
export function selfSignedKey(presented: readonly Uint8Array[]): Uint8Array | undefined {
  const [der] = presented;
  if (der === undefined || presented.length !== 1) return undefined;
  try {
    const certificate = parse(der);
    const publicKey = rawPublicKey(certificate.publicKey);
    return certificate.verify(certificate.publicKey) ? publicKey : undefined;
  } catch {
    // Anyone may send anything here, and it makes him nobody.
    return undefined;
  }
}

/**
 * The node or user behind the certificates that a caller presented; throws a
 * {@link CertificateError} if they are neither.
 */
export function verifyPeer(
  presented: readonly Uint8Array[],
  caDer: Uint8Array,
  options: VerifyOptions = {},
): Peer {
  const [der] = presented;
  if (der === undefined || presented.length !== 1) {
    throw new CertificateError(
      `caller presented ${presented.length} certificates, want exactly one`,
    );
  }
  const now = options.now ?? new Date();
  const known = verified.get(der);
  if (known !== undefined && known.caDer === caDer && options.id === undefined) {
    checkTime(known, now.getTime());
    return known.peer;
  }
  const certificate = parse(der);
  const isNode = extendedKeyUsage(certificate).includes(SERVER_AUTH);
  const peer = isNode ? verifyNode(der, caDer, options) : verifyUser(der, caDer, options);
  const { validFromDate, validToDate } = certificate;
  verified.set(der, { caDer, peer, validFromDate, validToDate });
  return peer;
}

/**
 * Peers by the very array that presented them, which a connection holds for as
 * long as it lives and nobody changes: a call then costs no signature check.
 */
const verified = new WeakMap<Uint8Array, Verified>();

interface Verified extends Pick<X509Certificate, "validFromDate" | "validToDate"> {
  readonly caDer: Uint8Array;
  readonly peer: Peer;
}

/** Throws unless a certificate can be a cluster's CA. */
export function verifyCa(caDer: Uint8Array): void {
  const ca = parse(caDer);
  ed25519Key(ca);
  if (!ca.ca) throw new CertificateError("certificate is not that of a CA");
  if (!ca.verify(ca.publicKey)) throw new CertificateError("CA certificate is not self-signed");
}

/** The hash by which people compare certificates. */
export function fingerprint(der: Uint8Array): string {
  return `SHA256:${new Bun.CryptoHasher("sha256").update(der).digest("hex")}`;
}

/** Whether a certificate holds now, whomever it names. */
export function isInTime(der: Uint8Array, now = Date.now()): boolean {
  try {
    checkTime(parse(der), now);
    return true;
  } catch (error) {
    if (error instanceof CertificateTimeError) return false;
    throw error;
  }
}

/** When a certificate ends, so that its holder can renew it in time. */
export function expiry(der: Uint8Array): Date {
  return parse(der).validToDate;
}

interface Member {
  readonly certificate: X509Certificate;
  readonly publicKey: Uint8Array;
}

/** What nodes and users have in common: an Ed25519 leaf of the CA, in its time. */
function verifyMember(
  der: Uint8Array,
  caDer: Uint8Array,
  { now = new Date(), atAnyTime = false }: VerifyOptions,
): Member {
  const certificate = parse(der);
  const ca = parse(caDer);
  ed25519Key(ca);
  if (!ca.ca) throw new CertificateError("the CA's certificate is not that of a CA");
  if (certificate.ca) throw new CertificateError("certificate is that of a CA");
  const publicKey = ed25519Key(certificate);
  if (!certificate.verify(ca.publicKey)) {
    throw new CertificateError("certificate is not signed by the cluster's CA");
  }
  if (!atAnyTime) checkTime(certificate, now.getTime());
  return { certificate, publicKey };
}

/** When a certificate counts no more, also to a clock that is slow. */
function endOf({ validToDate }: Pick<X509Certificate, "validToDate">): number {
  return validToDate.getTime() + CLOCK_TOLERANCE_MS;
}

function checkTime(
  { validFromDate, validToDate }: Pick<X509Certificate, "validFromDate" | "validToDate">,
  now: number,
): void {
  if (now + CLOCK_TOLERANCE_MS < validFromDate.getTime()) {
    throw new CertificateTimeError(
      `certificate holds only from ${clockText(validFromDate.getTime())}`,
      now,
    );
  }
  if (now > endOf({ validToDate })) {
    throw new CertificateTimeError(`certificate ended at ${clockText(validToDate.getTime())}`, now);
  }
}

function parse(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new CertificateError("not a certificate", { cause });
  }
}

function ed25519Key(certificate: X509Certificate): Uint8Array {
  try {
    return rawPublicKey(certificate.publicKey);
  } catch (cause) {
    throw new CertificateError("certificate's key is not an Ed25519 key", { cause });
  }
}

function requireUsage(certificate: X509Certificate, usage: string): void {
  if (!extendedKeyUsage(certificate).includes(usage)) {
    throw new CertificateError("certificate is not meant for this use");
  }
}

/** What node:crypto calls `keyUsage` is the extended one; absent without the extension. */
function extendedKeyUsage({ keyUsage }: X509Certificate): readonly string[] {
  return keyUsage ?? [];
}

/** The common name, if the subject is that and nothing else. */
function commonName({ subject }: X509Certificate): string {
  return /^CN=([^\n]*)$/.exec(subject ?? "")?.[1] ?? "";
}

function hasDnsName({ subjectAltName }: X509Certificate, name: string): boolean {
  // Node IDs hold no comma, and odd names are quoted: splitting is safe for an exact match.
  return (subjectAltName ?? "").split(", ").includes(`DNS:${name}`);
}
