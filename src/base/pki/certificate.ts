// The certificates we issue. Each kind is a profile: who it names, what its
// key may do, how long it holds. The extended key usage tells nodes (server)
// from users (client), so it must never be widened.
import type { KeyPair } from "./keys.ts";
import { nodeId } from "./node-id.ts";
import { ed25519, importPrivateKey, importPublicKey, provider, x509 } from "./x509.ts";

/** From when to when a certificate holds. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A CA that signs: its key, and its certificate in DER. */
export interface Issuer {
  readonly keyPair: KeyPair;
  readonly certificate: Uint8Array;
}

/**
 * When certificates begin: before any clock that judges them. That one is new says nothing about
 * whom it names, and the clock that issues it may be years ahead of the clocks of others, or be set
 * back itself a moment later.
 */
export const BEGINNING = new Date("2020-01-01T00:00:00Z");

/** The end of time, for what is never renewed. */
export const FOREVER = new Date("9999-12-31T23:59:59Z");

const DAY_MS = 86_400_000;

/** Common name of the cluster CA, the same in every cluster. */
export const CLUSTER_CA_NAME = "Metropolis Cluster CA";

/** Common name of the CA that etcd members know each other by. */
export const ETCD_CA_NAME = "Metropolis etcd CA Certificate";

/** Validity that ends in some days. */
export function validFor(days: number, now = Date.now()): Validity {
  return { notBefore: BEGINNING, notAfter: new Date(now + days * DAY_MS) };
}

/** Validity without an end: no clock has a say in it. */
export function validForever(): Validity {
  return { notBefore: BEGINNING, notAfter: FOREVER };
}

const usage = {
  serverAuth: x509.ExtendedKeyUsage.serverAuth,
  clientAuth: x509.ExtendedKeyUsage.clientAuth,
  ocspSigning: x509.ExtendedKeyUsage.ocspSigning,
} as const;

const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = x509.KeyUsageFlags;

interface Profile {
  readonly commonName: string;
  readonly publicKey: Uint8Array;
  readonly validity: Validity;
  readonly isCa?: boolean;
  readonly keyUsage: number;
  readonly extendedKeyUsage: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
  readonly serial?: string;
}

/** A self-signed CA, such as the cluster's. */
export async function issueCa(
  keyPair: KeyPair,
  commonName = CLUSTER_CA_NAME,
  validity = validForever(),
): Promise<Uint8Array> {
  return sign(keyPair, undefined, {
    commonName,
    publicKey: keyPair.publicKey,
    validity,
    isCa: true,
    keyUsage: digitalSignature | keyCertSign | cRLSign,
    extendedKeyUsage: [usage.clientAuth, usage.serverAuth, usage.ocspSigning],
  });
}

/** A node's certificate, for its own key. */
export async function issueNode(
  ca: Issuer,
  publicKey: Uint8Array,
  validity: Validity,
): Promise<Uint8Array> {
  const id = nodeId(publicKey);
  return sign(ca.keyPair, ca.certificate, {
    commonName: id,
    publicKey,
    validity,
    keyUsage: digitalSignature | keyEncipherment,
    extendedKeyUsage: [usage.serverAuth],
    dnsNames: [id],
  });
}

/** A user's certificate; the name is the identity, such as `owner`. */
export async function issueUser(
  ca: Issuer,
  publicKey: Uint8Array,
  identity: string,
  validity: Validity,
): Promise<Uint8Array> {
  return sign(ca.keyPair, ca.certificate, {
    commonName: identity,
    publicKey,
    validity,
    keyUsage: digitalSignature | keyEncipherment,
    extendedKeyUsage: [usage.clientAuth],
  });
}

/** A member of etcd, or one of its clients: both ends of a connection at once. */
export async function issueEtcdMember(
  ca: Issuer,
  publicKey: Uint8Array,
  name: string,
  addresses: readonly string[],
  validity: Validity,
): Promise<Uint8Array> {
  return sign(ca.keyPair, ca.certificate, {
    commonName: name,
    publicKey,
    validity,
    keyUsage: digitalSignature | keyEncipherment,
    extendedKeyUsage: [usage.clientAuth, usage.serverAuth],
    dnsNames: [name],
    addresses,
  });
}

/** A certificate that proves nothing but the possession of its key. */
export async function selfSigned(keyPair: KeyPair): Promise<Uint8Array> {
  return sign(keyPair, undefined, {
    commonName: "",
    publicKey: keyPair.publicKey,
    validity: validForever(),
    keyUsage: digitalSignature | keyEncipherment | keyCertSign,
    extendedKeyUsage: [usage.clientAuth],
    serial: "01",
  });
}

async function sign(
  signer: KeyPair,
  ca: Uint8Array | undefined,
  profile: Profile,
): Promise<Uint8Array> {
  const publicKey = await importPublicKey(profile.publicKey);
  const subject = name(profile.commonName);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: profile.serial ?? serial(),
      subject,
      issuer: ca === undefined ? subject : new x509.X509Certificate(ca).subjectName,
      notBefore: profile.validity.notBefore,
      notAfter: profile.validity.notAfter,
      signingAlgorithm: ed25519,
      publicKey,
      signingKey: await importPrivateKey(signer),
      extensions: await extensions(profile, publicKey, signer),
    },
    provider,
  );
  return new Uint8Array(certificate.rawData);
}

async function extensions(
  profile: Profile,
  publicKey: CryptoKey,
  signer: KeyPair,
): Promise<x509.Extension[]> {
  const { isCa = false, keyUsage, extendedKeyUsage, dnsNames = [], addresses = [] } = profile;
  const names = [
    ...dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...addresses.map((value) => ({ type: "ip" as const, value })),
  ];
  const keyId = isCa
    ? x509.SubjectKeyIdentifierExtension.create(publicKey, false, provider)
    : x509.AuthorityKeyIdentifierExtension.create(
        await importPublicKey(signer.publicKey),
        false,
        provider,
      );
  return [
    new x509.BasicConstraintsExtension(isCa, undefined, true),
    new x509.KeyUsagesExtension(keyUsage, true),
    new x509.ExtendedKeyUsageExtension([...extendedKeyUsage]),
    await keyId,
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}

/** The name as a list: as text, a comma in it would start another part. */
function name(commonName: string): x509.Name {
  return new x509.Name(commonName === "" ? [] : [{ CN: [commonName] }]);
}

/** A random positive number of 127 bits. */
function serial(): string {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(16)));
  // The first bit would make it negative, and a leading zero byte not minimal.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}
