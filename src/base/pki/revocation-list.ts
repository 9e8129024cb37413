// Revocation lists of our CAs (RFC 5280, section 5).
import { X509Certificate } from "node:crypto";
import { FOREVER, type Issuer } from "./certificate.ts";
import { ed25519, importPrivateKey, provider, x509 } from "./x509.ts";

/** A certificate that counts no more. */
export interface Revocation {
  /** The serial number, without its sign. */
  readonly serial: Uint8Array;
  readonly time: Date;
}

/** Before there is anything to revoke. */
const NEVER = new Date(0);

/**
 * The list in DER. Equal revocations make equal bytes, so that whoever gets one can tell
 * whether it is news.
 */
export async function issueRevocationList(
  ca: Issuer,
  revocations: readonly Revocation[],
): Promise<Uint8Array> {
  const list = await x509.X509CrlGenerator.create(
    {
      issuer: new x509.X509Certificate(ca.certificate).subjectName,
      thisUpdate: revocations.at(-1)?.time ?? NEVER,
      // The next one comes when there is something to tell.
      nextUpdate: FOREVER,
      signingAlgorithm: ed25519,
      signingKey: await importPrivateKey(ca.keyPair),
      entries: revocations.map(({ serial, time }) => ({
        serialNumber: serial.toHex(),
        revocationDate: time,
        // Without a reason the library writes an empty list of extensions, which others refuse.
        reason: x509.X509CrlReason.cessationOfOperation,
      })),
    },
    provider,
  );
  return new Uint8Array(list.rawData);
}

/** The serial number of a certificate in DER. */
export function serialOf(certificate: Uint8Array): Uint8Array {
  return Uint8Array.fromHex(new X509Certificate(certificate).serialNumber);
}
