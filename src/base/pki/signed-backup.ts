// What is inside a backup: the state of a cluster, and who says so. A tar archive that is
// written and checked as a stream, and that an operator can read without us:
//
//   ca.pem          certificate of the cluster's CA
//   snapshot.db     of etcd, as etcdutl reads it
//   manifest.json   which cluster, when, and the hash of the snapshot
//   manifest.sig    Ed25519 signature of manifest.json by the key of ca.pem
//
// Nobody without the CA's key makes one that counts, and no part fits into another.
import { createPrivateKey, sign, verify, X509Certificate } from "node:crypto";
import { FormatError } from "../format/format.ts";
import { hashedStream } from "../format/hashed-stream.ts";
import { TAR_END, TarReader, tarFile } from "../format/tar.ts";
import type { Issuer } from "./certificate.ts";
import { certificateDer, certificatePem, privateKeyPem } from "./keys.ts";
import { fingerprint, verifyCa } from "./verify.ts";

/** A backup that must not be restored; the message says why. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

/** What the cluster says of its backup. */
export interface BackupFacts {
  /** The cluster's domain. */
  readonly cluster: string;
  /** By the clock of the cluster's leader. */
  readonly time: Date;
  /** Of etcd: the state is this one, or one a moment later. */
  readonly revision: bigint;
}

/** The state, whose size is known before it comes. */
export interface Snapshot {
  readonly bytes: number;
  readonly parts: AsyncIterable<Uint8Array>;
}

const FORMAT = "metropolis backup 1";
const SIGNATURE_BYTES = 64;
/** Of the small files: nobody shall make us keep more. */
const SMALL_BYTES = 16 << 10;

/** Makes a backup. */
export async function* signedBackup(
  { keyPair, certificate }: Issuer,
  facts: BackupFacts,
  { bytes, parts }: Snapshot,
): AsyncGenerator<Uint8Array> {
  yield* small("ca.pem", new TextEncoder().encode(certificatePem(certificate)));
  const hash = new Bun.CryptoHasher("sha256");
  yield* tarFile("snapshot.db", bytes, hashedStream(parts, hash));
  const snapshot = { bytes, sha256: hash.digest("hex") };
  const manifest = manifestText(facts, fingerprint(certificate), snapshot);
  yield* small("manifest.json", manifest);
  yield* small("manifest.sig", sign(null, manifest, createPrivateKey(privateKeyPem(keyPair))));
  yield TAR_END;
}

/**
 * Checks a backup against the fingerprint of the CA that must have signed it. The snapshot
 * goes to `take` as it comes, and must not be used before the whole is found good.
 *
 * Throws a {@link BackupError} for what is no backup, was forged, or is of another cluster.
 */
export async function verifyBackup(
  source: AsyncIterable<Uint8Array>,
  caFingerprint: string,
  take: (part: Uint8Array) => Promise<unknown>,
): Promise<BackupFacts> {
  const archive = new TarReader(source);
  try {
    return await readBackup(archive, caFingerprint, take);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new BackupError(`not a whole backup: ${cause.message}`, { cause });
  } finally {
    await archive.close();
  }
}

async function readBackup(
  archive: TarReader,
  caFingerprint: string,
  take: (part: Uint8Array) => Promise<unknown>,
): Promise<BackupFacts> {
  // First of all, so that nothing else of a stranger's is even looked at.
  const ca = readCa(await readSmall(archive, "ca.pem"), caFingerprint);
  const bytes = await archive.next("snapshot.db");
  const hash = new Bun.CryptoHasher("sha256");
  for await (const part of hashedStream(archive.content(bytes), hash)) await take(part);
  await archive.skipFill(bytes);
  const manifest = await readSmall(archive, "manifest.json");
  const signature = await readSmall(archive, "manifest.sig", SIGNATURE_BYTES);
  await archive.end();
  if (!verify(null, manifest, ca.publicKey, signature)) {
    throw new BackupError("forged: the cluster's CA did not sign it");
  }
  // Only from here on are these the cluster's own words.
  return readManifest(manifest, caFingerprint, { bytes, sha256: hash.digest("hex") });
}

function readCa(pem: Uint8Array, caFingerprint: string): X509Certificate {
  let found: string;
  try {
    const der = certificateDer(new TextDecoder().decode(pem));
    found = fingerprint(der);
    if (found === caFingerprint) {
      verifyCa(der);
      return new X509Certificate(der);
    }
  } catch (cause) {
    throw new BackupError("not a backup: it names no CA", { cause });
  }
  throw new BackupError(
    `forged, or of another cluster: its CA is ${found}, and yours is ${caFingerprint}`,
  );
}

interface SnapshotHash {
  readonly bytes: number;
  readonly sha256: string;
}

function manifestText(facts: BackupFacts, caFingerprint: string, snapshot: SnapshotHash) {
  const { cluster, time, revision } = facts;
  const content = {
    format: FORMAT,
    cluster,
    caFingerprint,
    time,
    revision: `${revision}`,
    snapshot,
  };
  return new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`);
}

/** As the signed text has it. */
interface Manifest {
  readonly format: string;
  readonly cluster: string;
  readonly time: string;
  readonly revision: string;
}

function readManifest(bytes: Uint8Array, ca: string, snapshot: SnapshotHash): BackupFacts {
  const manifest: Partial<Manifest> = JSON.parse(new TextDecoder().decode(bytes));
  const { format, cluster = "", time = "", revision = "" } = manifest;
  if (format !== FORMAT) {
    throw new BackupError(`of the unknown format ${format}: use the release that wrote it`);
  }
  const facts = { cluster, time: new Date(time), revision: BigInt(revision) };
  // What these facts make must be what was signed: then it says what we believe it to say.
  if (Buffer.compare(manifestText(facts, ca, snapshot), bytes) !== 0) {
    throw new BackupError("forged: the snapshot is not the one that the cluster's CA signed");
  }
  return facts;
}

async function* small(name: string, content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* tarFile(name, content.length, [content]);
}

async function readSmall(
  archive: TarReader,
  name: string,
  most = SMALL_BYTES,
): Promise<Uint8Array> {
  const bytes = await archive.next(name, most);
  const parts = await Array.fromAsync(archive.content(bytes));
  await archive.skipFill(bytes);
  return new Uint8Array(Buffer.concat(parts));
}
