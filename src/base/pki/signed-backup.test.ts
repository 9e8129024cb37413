// Backups: what the CA signed is read, by us and by an operator's own programs; anything
// that was made from other parts is not.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TAR_END, tarFile } from "../format/tar.ts";
import { run } from "../process/process.ts";
import { ageIdentity, encryptStream } from "./age.ts";
import { type Issuer, issueCa } from "./certificate.ts";
import { generateKeyPair } from "./keys.ts";
import { generateBoxKeyPair } from "./sealed-box.ts";
import { BackupError, type BackupFacts, signedBackup, verifyBackup } from "./signed-backup.ts";
import { fingerprint } from "./verify.ts";

const folder = mkdtempSync(join(tmpdir(), "signed-backup-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function makeCa(): Promise<Issuer> {
  const keyPair = generateKeyPair();
  return { keyPair, certificate: await issueCa(keyPair) };
}

const ca = await makeCa();
const ours = fingerprint(ca.certificate);
const facts: BackupFacts = {
  cluster: "cluster.internal",
  time: new Date("2026-11-23T09:58:20.123Z"),
  revision: 4321n,
};
const state = new Uint8Array(200_000).fill(7);

function made(issuer = ca, content = state, changes: Partial<BackupFacts> = {}) {
  const snapshot = { bytes: content.length, parts: pieces(content, 30_000) };
  return signedBackup(issuer, { ...facts, ...changes }, snapshot);
}

async function* pieces(bytes: Uint8Array, size = 1009): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(parts));
}

/** The facts, and the snapshot that was taken. */
async function verified(source: AsyncIterable<Uint8Array>, trusted = ours) {
  const taken: Uint8Array[] = [];
  const told = await verifyBackup(source, trusted, async (part) => taken.push(part));
  return { told, taken: Buffer.concat(taken) };
}

/** The files of a backup, by name; each without what fills its last block. */
async function filesOf(source: AsyncIterable<Uint8Array>): Promise<Map<string, Uint8Array>> {
  const bytes = await collect(source);
  const files = new Map<string, Uint8Array>();
  for (let at = 0; bytes[at] !== 0; ) {
    const [name = ""] = bytes.toString("latin1", at, at + 100).split("\0");
    const length = Number.parseInt(bytes.toString("latin1", at + 124, at + 135), 8);
    files.set(name, new Uint8Array(bytes.subarray(at + 512, at + 512 + length)));
    at += 512 + 512 * Math.ceil(length / 512);
  }
  return files;
}

async function* packed(files: ReadonlyMap<string, Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const [name, bytes] of files) yield* tarFile(name, bytes.length, [bytes]);
  yield TAR_END;
}

test("verifyBackup gives what the cluster said, and its state", async () => {
  const { told, taken } = await verified(made());
  expect(told).toEqual(facts);
  expect(taken.equals(state)).toBe(true);
});

test("an operator reads a backup with age, tar and openssl alone", async () => {
  const { publicKey, privateKey } = generateBoxKeyPair();
  const at = (name: string) => join(folder, name);
  writeFileSync(at("recovery-key.txt"), `${ageIdentity(privateKey)}\n`);
  writeFileSync(at("cluster.backup"), await collect(encryptStream(publicKey, made())));
  const script = [
    "age -d -i recovery-key.txt cluster.backup | tar x",
    "openssl x509 -in ca.pem -noout -pubkey >ca.pub",
    "openssl pkeyutl -verify -pubin -inkey ca.pub -rawin -in manifest.json -sigfile manifest.sig",
    "sha256sum snapshot.db",
    "cat manifest.json",
  ];
  const { text } = await run(["sh", "-ec", `cd "$0"; ${script.join("; ")}`, folder]);
  const hash = new Bun.CryptoHasher("sha256").update(state).digest("hex");
  expect(text).toContain("Signature Verified Successfully");
  expect(text).toContain(`${hash}  snapshot.db`);
  expect(text).toContain(`"sha256": "${hash}"`);
  expect(text).toContain('"time": "2026-11-23T09:58:20.123Z"');
});

test("a backup of another CA is refused before its state is looked at", async () => {
  const { certificate } = await makeCa();
  let looked = 0;
  const failure = verifyBackup(made(), fingerprint(certificate), async () => looked++);
  await expect(failure).rejects.toThrow(`its CA is ${ours}, and yours is`);
  expect(looked).toBe(0);
});

/** What somebody makes who has backups of ours, the public key of all, and a CA of his own. */
const forgeries: readonly (readonly [
  what: string,
  forge: (ours: Map<string, Uint8Array>, his: Map<string, Uint8Array>) => unknown,
])[] = [
  ["the CA's certificate on a backup of his", (a, his) => his.set("ca.pem", bytesOf(a, "ca.pem"))],
  ["a state of his in a backup of ours", (a, his) => move(his, a, "snapshot.db")],
  ["an old state in a new backup", (a, his) => move(his, a, "snapshot.db", 0)],
  ["a manifest of his in a backup of ours", (a, his) => move(his, a, "manifest.json")],
  [
    "a manifest and signature of his",
    (a, his) => {
      move(his, a, "manifest.json");
      move(his, a, "manifest.sig");
    },
  ],
  ["another time in the manifest", (a) => edit(a, "2026-11-23", "2026-11-24")],
  ["another cluster in the manifest", (a) => edit(a, "cluster.internal", "cluster.external")],
  ["a signature of zeros", (a) => a.set("manifest.sig", new Uint8Array(64))],
  ["a short signature", (a) => a.set("manifest.sig", new Uint8Array(63))],
  ["a long signature", (a) => a.set("manifest.sig", new Uint8Array(65))],
  ["no signature", (a) => a.delete("manifest.sig")],
  ["no manifest", (a) => a.delete("manifest.json")],
  ["no state", (a) => a.delete("snapshot.db")],
  ["an empty state", (a) => a.set("snapshot.db", new Uint8Array())],
  ["a state that goes on", (a) => a.set("snapshot.db", new Uint8Array([...state, 7]))],
  ["a huge manifest", (a) => a.set("manifest.json", new Uint8Array(1 << 20))],
  ["no CA", (a) => a.set("ca.pem", new TextEncoder().encode("not a certificate"))],
  [
    "two CAs",
    (a, his) => a.set("ca.pem", Buffer.concat([bytesOf(his, "ca.pem"), bytesOf(a, "ca.pem")])),
  ],
  ["one file more", (a) => a.set("more", new Uint8Array())],
  [
    "the files in another order",
    (a) => {
      const ca = bytesOf(a, "ca.pem");
      a.delete("ca.pem");
      a.set("ca.pem", ca);
    },
  ],
];

function bytesOf(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  return files.get(name) ?? new Uint8Array();
}

function move(
  from: ReadonlyMap<string, Uint8Array>,
  to: Map<string, Uint8Array>,
  name: string,
  fill?: number,
) {
  const bytes = bytesOf(from, name);
  to.set(name, fill === undefined ? bytes : bytes.slice().fill(fill));
}

function edit(files: Map<string, Uint8Array>, from: string, to: string) {
  const text = new TextDecoder().decode(bytesOf(files, "manifest.json"));
  files.set("manifest.json", new TextEncoder().encode(text.replace(from, to)));
}

test.each(forgeries)("refused: %s", async (_, forge) => {
  const genuine = await filesOf(made());
  const his = await filesOf(made(await makeCa(), new Uint8Array(200_000).fill(9)));
  expect((await verified(packed(genuine))).told).toEqual(facts);
  const before = await collect(packed(genuine));
  const hisBefore = await collect(packed(his));
  forge(genuine, his);
  const isHis = before.equals(await collect(packed(genuine)));
  expect(isHis && hisBefore.equals(await collect(packed(his)))).toBe(false);
  await expect(verified(packed(isHis ? his : genuine))).rejects.toThrow(BackupError);
});

test("no part of a backup fits into another of the same cluster", async () => {
  const [old, present] = [
    await filesOf(made(ca, state, { time: new Date("2025-01-01"), revision: 1n })),
    await filesOf(made(ca, new Uint8Array(200_000).fill(8))),
  ];
  for (const name of ["snapshot.db", "manifest.json", "manifest.sig"]) {
    const mixed = new Map(present);
    move(old, mixed, name);
    await expect(verified(packed(mixed))).rejects.toThrow("forged");
  }
});

test("a backup that is cut off anywhere, or goes on, is none", async () => {
  const whole = await collect(made());
  for (const end of [0, 512, 1000, 100_000, whole.length - 1500, whole.length - 1]) {
    await expect(verified(pieces(whole.subarray(0, end)))).rejects.toThrow("not a whole backup");
  }
  const longer = pieces(Buffer.concat([whole, whole]));
  await expect(verified(longer)).rejects.toThrow("something follows the end");
});

test("a snapshot of another size than was said makes no backup", async () => {
  const snapshot = { bytes: state.length + 1, parts: pieces(state) };
  await expect(collect(signedBackup(ca, facts, snapshot))).rejects.toThrow("snapshot.db has only");
});
