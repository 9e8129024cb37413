// The owner of a cluster on the operator's side: a key made before the first
// node is installed, and the certificate the cluster later gives for it.
import { X509Certificate } from "node:crypto";
import { forbidDumps } from "../../base/linux/prctl.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import {
  certificateDer,
  certificatePem,
  generateKeyPair,
  type KeyPair,
  ownerKeyFile,
  privateKeyPem,
  rawPublicKey,
  readOwnerKeyFile,
} from "../../base/pki/keys.ts";
import { CertificateError, verifyUser } from "../../base/pki/verify.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles } from "./context.ts";

/** A key and the certificate to show with it, as TLS wants them. */
export interface Credentials {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** The identity of whoever owns a cluster. */
export const OWNER = "owner";

const NOT_GIVEN =
  "the answer holds no certificate of the cluster's CA for the owner's key: whoever gave it does " +
  "not lead the cluster. Nothing was changed; try again";

/** The file of the owner's key, or of the one that is to replace it. */
type KeyFile = typeof contextFiles.ownerKey | typeof contextFiles.nextOwnerKey;

/** The owner key of a context; made on first use. */
export function ensureOwnerKey(
  context: ContextFolder,
  file: KeyFile = contextFiles.ownerKey,
): KeyPair {
  const existing = loadOwnerKey(context, file);
  if (existing !== undefined) return existing;
  forbidDumps();
  const made = generateKeyPair();
  context.write(file, ownerKeyFile(made), 0o600);
  return made;
}

/** The owner key of a context, if it has one. Throws a {@link UserError} for a damaged file. */
export function loadOwnerKey(
  context: ContextFolder,
  file: KeyFile = contextFiles.ownerKey,
): KeyPair | undefined {
  const text = context.readSecret(file);
  if (text === undefined) return undefined;
  // From here on this process holds the key to a whole cluster.
  forbidDumps();
  try {
    return readOwnerKeyFile(text);
  } catch (error) {
    const path = `${context.path}/${file}`;
    throw new UserError(`${path} is damaged: restore it from a copy`, { cause: error });
  }
}

/**
 * Takes a key up that the cluster has named its owner's. The order matters, see rotate-owner.ts:
 * the certificate first, and last is forgotten that the key waits.
 */
export function adoptOwner(context: ContextFolder, next: KeyPair, certificate: Uint8Array): void {
  context.write(contextFiles.ownerCertificate, certificatePem(certificate), 0o644);
  context.write(contextFiles.ownerKey, ownerKeyFile(next), 0o600);
  context.remove(contextFiles.nextOwnerKey);
}

/** The owner's long-term credentials. Throws a {@link UserError} before takeownership. */
export function ownerCredentials(context: ContextFolder): Credentials {
  const key = loadOwnerKey(context);
  const certificate = context.read(contextFiles.ownerCertificate);
  if (key === undefined || certificate === undefined) {
    // Rather a slip of the pen than a cluster that is to be owned next.
    const next = context.isThere
      ? "run metroctl takeownership <address> first"
      : "there is none of this name, metroctl context list prints those there are";
    throw new UserError(`context ${context.name} owns no cluster: ${next}`);
  }
  return {
    keyPem: privateKeyPem(certifiedKey(context, key, certificate)),
    certificatePem: certificate,
  };
}

/**
 * The key that the certificate was made for: the next one, where it was being taken up. TLS
 * would refuse any other too, by a name of OpenSSL's, and only once a node is asked.
 */
function certifiedKey(context: ContextFolder, key: KeyPair, certificate: string): KeyPair {
  const path = `${context.path}/${contextFiles.ownerCertificate}`;
  const certified = rawPublicKey(certificateIn(path, certificate).publicKey);
  const isCertified = ({ publicKey }: KeyPair) => Buffer.compare(certified, publicKey) === 0;
  if (isCertified(key)) return key;
  const next = loadOwnerKey(context, contextFiles.nextOwnerKey);
  if (next !== undefined && isCertified(next)) return next;
  throw new UserError(
    `${path} was not made for the key in ${contextFiles.ownerKey} beside it: ` +
      "restore both from one copy, or run metroctl takeownership <address> again",
  );
}

/** The certificate in a file. Throws a {@link UserError} that names the file where it holds none. */
function certificateIn(path: string, text: string): X509Certificate {
  try {
    return new X509Certificate(certificateDer(text));
  } catch (cause) {
    const isEmpty = text.trim() === "" ? "empty" : "damaged";
    throw new UserError(
      `${path} is ${isEmpty}: restore it from a copy, or remove it and run metroctl takeownership <address> again`,
      { cause },
    );
  }
}

/** Credentials that only prove the owner key, for before there is a certificate. */
export async function initialCredentials(key: KeyPair): Promise<Credentials> {
  // Loaded when needed: the x509 library costs every other command its start-up time.
  const { selfSigned } = await import("../../base/pki/certificate.ts");
  return { keyPem: privateKeyPem(key), certificatePem: certificatePem(await selfSigned(key)) };
}

/** What an owner's certificate has to be, whoever gives it. */
export interface Owned {
  /** DER of the cluster's CA. */
  readonly ca: Uint8Array;
  readonly publicKey: Uint8Array;
}

/**
 * A certificate that a server gave for the owner's key. Whoever passes for the leader can answer
 * anything, and what is kept for the answer may take the place of the one key that counts.
 *
 * Throws a {@link UserError} unless the cluster's CA has signed it, for the owner and for this key.
 */
export function givenCertificate(certificate: Uint8Array, { ca, publicKey }: Owned): Uint8Array {
  try {
    const user = verifyUser(certificate, ca);
    if (user.name === OWNER && constantTimeEqual(user.publicKey, publicKey)) return certificate;
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause;
    throw new UserError(NOT_GIVEN, { cause });
  }
  throw new UserError(NOT_GIVEN);
}

/**
 * The cluster's CA that this context trusts, DER, if it knows one yet.
 *
 * Throws a {@link UserError} for a file that holds none.
 */
export function trustedCa(context: ContextFolder): Uint8Array | undefined {
  const text = context.read(contextFiles.ca);
  if (text === undefined) return undefined;
  return new Uint8Array(certificateIn(`${context.path}/${contextFiles.ca}`, text).raw);
}
