// What the header of an encrypted device may say. It lies in the open and nothing signs it: there
// whoever writes to the disk chooses the cipher, and `cipher_null` is one that cryptsetup takes. So
// it must say word for word what a node writes. It is read once and used from memory: a disk that
// answers otherwise the second time gains nothing.
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../base/process/process.ts";

/** How an encrypted partition is. */
export type Encryption = "encrypted" | "authenticated";

/** As cryptsetup names them. */
export const ciphers = {
  encrypted: { name: "aes-xts-plain64", keyBytes: 64 },
  authenticated: { name: "aes-gcm-random", keyBytes: 32, integrity: "aead" },
} as const;

/** What LUKS2 takes of a device for itself. */
const HEADER_BYTES = 16 << 20;
const SECTOR_BYTES = 4096;
const HASH = "sha256";

/** A header that no node has written. */
export class HeaderError extends Error {
  override readonly name = "HeaderError";
}

/** Gives `work` a checked copy of a device's header, in a folder that is in memory. */
export async function withHeader<R>(
  device: string,
  encryption: Encryption,
  folder: string,
  work: (header: string) => Promise<R>,
): Promise<R> {
  const header = join(folder, "header");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await writeFile(header, await readHeader(device), { mode: 0o600 });
    const argv = ["cryptsetup", "luksDump", "--dump-json-metadata", header];
    checkHeader(JSON.parse((await run(argv)).text), encryption);
    return await work(header);
  } finally {
    await rm(header, { force: true });
  }
}

async function readHeader(device: string): Promise<Uint8Array> {
  await using file = await open(device);
  const bytes = new Uint8Array(HEADER_BYTES);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  return bytes.subarray(0, bytesRead);
}

type Fields = Readonly<Record<string, unknown>>;

/** Throws a {@link HeaderError} unless the metadata of LUKS2 is as a node makes it. */
export function checkHeader(metadata: unknown, encryption: Encryption): void {
  const { segments, keyslots, digests, tokens, config } = fields(metadata);
  const { requirements } = fields(config);
  const isOwn = {
    segments: Bun.deepEquals(segments, { 0: segment(encryption) }, true),
    keyslots: Object.values(fields(keyslots)).every((slot) => isOwnSlot(fields(slot), encryption)),
    digests: isOwnDigest(Object.values(fields(digests)).map(fields)),
    // An encryption that is being changed would be one, and has ciphers of its own.
    requirements: requirements === undefined,
    tokens: Object.keys(fields(tokens)).length === 0,
  };
  const wrong = Object.entries(isOwn).filter(([, each]) => !each);
  if (wrong.length === 0) return;
  const names = wrong.map(([name]) => name).join(", ");
  throw new HeaderError(
    `the header of the data partition is not a node's: somebody changed ${names}`,
  );
}

function fields(value: unknown): Fields {
  return Object(value);
}

/** How what lies behind the header is read: all of it, and in one way. */
function segment(encryption: Encryption): Fields {
  const cipher = ciphers[encryption];
  const place = { offset: `${HEADER_BYTES}`, size: "dynamic", iv_tweak: "0" };
  const how = { type: "crypt", encryption: cipher.name, sector_size: SECTOR_BYTES, ...place };
  if (!("integrity" in cipher)) return how;
  const journal = { journal_encryption: "none", journal_integrity: "none" };
  return { ...how, integrity: { type: cipher.integrity, ...journal } };
}

/** Whether the key lies there under the passphrase, whole, by a cipher that hides it. */
function isOwnSlot({ type, key_size, af, area, kdf }: Fields, encryption: Encryption): boolean {
  const { offset: _, size: __, ...place } = fields(area);
  const { salt: ___, iterations: ____, ...derivation } = fields(kdf);
  const expected = {
    ...{ type: "luks2", key_size: ciphers[encryption].keyBytes },
    af: { type: "luks1", stripes: 4000, hash: HASH },
    place: { type: "raw", encryption: "aes-xts-plain64", key_size: 64 },
    derivation: { type: "pbkdf2", hash: HASH },
  };
  return Bun.deepEquals({ type, key_size, af, place, derivation }, expected, true);
}

/** Whether one digest says which key is right, for all that lies behind the header. */
function isOwnDigest([digest, ...others]: readonly Fields[]): boolean {
  const { type, hash, segments } = digest ?? {};
  const expected = { type: "pbkdf2", hash: HASH, segments: ["0"] };
  return others.length === 0 && Bun.deepEquals({ type, hash, segments }, expected, true);
}
