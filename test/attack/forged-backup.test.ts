// Attackers where backups are kept: one who knows the operator's public key and wants a cluster
// of his own making restored, and one who has old backups and wants deleted nodes back. The
// operator's metroctl and the machine that waits are real; the clusters are their CAs.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { ageRecipient, encryptStream } from "../../src/base/pki/age.ts";
import { type Issuer, issueCa, selfSigned } from "../../src/base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../src/base/pki/keys.ts";
import { type BackupFacts, signedBackup, verifyBackup } from "../../src/base/pki/signed-backup.ts";
import { fingerprint } from "../../src/base/pki/verify.ts";
import { run } from "../../src/base/process/process.ts";
import { Code, connect, RpcError } from "../../src/base/rpc/rpc.ts";
import { Recovery } from "../../src/gen/metropolis/node/core/recovery/recovery_pb.ts";
import { checkBackup, checkedContent } from "../../src/metroctl/session/backup-file.ts";
import { ContextFolder, contextFiles } from "../../src/metroctl/session/context.ts";
import { saveNewestBackup } from "../../src/metroctl/session/newest-backup.ts";
import { ensureOwnerKey } from "../../src/metroctl/session/owner.ts";
import { ensureRecoveryKey } from "../../src/metroctl/session/recovery-key.ts";
import { freePort } from "../../src/node/consensus/test-etcd.ts";
import { receiveBackup } from "../../src/node/recovery/recovery.ts";
import { Operator } from "../cluster/operator.ts";

const home = mkdtempSync(join(tmpdir(), "forged-backup-"));
const operator = new Operator(home);
const context = new ContextFolder(operator.folder, "default");
const owner = ensureOwnerKey(context);
const { publicKey } = ensureRecoveryKey(context);
const secret = crypto.getRandomValues(new Uint8Array(32));
const ca = await makeCa();
const file = join(home, "cluster.backup");
const state = new TextEncoder().encode("the state of the cluster".repeat(9_000));
const present: BackupFacts = { cluster: "ours", time: new Date(), revision: 500n };

/** What the machine has taken in. */
let taken: string[] = [];
let address = "";
const end = new AbortController();
let machine: Promise<unknown>;

beforeAll(async () => {
  context.write(contextFiles.ca, certificatePem(ca.certificate), 0o600);
  context.write(contextFiles.secret, secret.toHex(), 0o600);
  const port = await freePort();
  address = `127.0.0.1:${port}`;
  machine = waitForBackups(port);
});
beforeEach(() => {
  taken = [];
  saveNewestBackup(context, present);
});
afterAll(async () => {
  end.abort();
  await machine;
  rmSync(home, { recursive: true });
});

async function makeCa(): Promise<Issuer> {
  const keyPair = generateKeyPair();
  return { keyPair, certificate: await issueCa(keyPair) };
}

/** A machine made from the operator's medium; when it has taken a backup the next one waits. */
async function waitForBackups(port: number): Promise<void> {
  const snapshot = join(home, "snapshot.db");
  while (!end.signal.aborted) {
    const waiting = {
      file: snapshot,
      key: generateKeyPair(),
      ownerPublicKey: owner.publicKey,
      ownershipSecret: secret,
      caFingerprint: fingerprint(ca.certificate),
      takeIn: async () => void taken.push(readFileSync(snapshot, "utf8")),
      log: new LogTree().logger("root"),
      signal: end.signal,
    };
    await receiveBackup(waiting, { host: "127.0.0.1", port }).catch((error: unknown) => {
      if (!end.signal.aborted) throw error;
    });
  }
}

async function* parts(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

function made(issuer: Issuer, facts: Partial<BackupFacts> = {}, content = state) {
  const snapshot = { bytes: content.length, parts: parts(content) };
  return signedBackup(issuer, { ...present, ...facts }, snapshot);
}

/** Puts a file where the operator keeps his backups; anybody can encrypt to him. */
async function place(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const bytes = Buffer.concat(await Array.fromAsync(encryptStream(publicKey, content)));
  writeFileSync(file, bytes);
  return bytes;
}

const restore = (...flags: readonly string[]) =>
  operator.metroctl("cluster", "restore", ...flags, address, file);

async function refusal(...flags: readonly string[]): Promise<string> {
  const said = (await operator.refused("cluster", "restore", ...flags, address, file)).message;
  expect(taken).toEqual([]);
  return said;
}

test("a genuine backup is restored, and shown with its cluster and time", async () => {
  await place(made(ca));
  const { argv, env } = operator.command("cluster", "restore", address, file);
  const { stderr } = await run(argv, { env });
  expect(stderr).toMatch(/The backup is good: cluster ours, made at [-0-9]+ [:0-9]+ UTC \(\d+ sec/);
  expect(taken).toEqual([new TextDecoder().decode(state)]);
});

test("who knows the public key and has a CA of his own gets no cluster of his restored", async () => {
  await place(made(await makeCa()));
  for (const flags of [[], ["--yes"]]) {
    const said = await refusal(...flags);
    expect(said).toContain("forged, or of another cluster: its CA is SHA256:");
    expect(said).toContain("Take another backup");
  }
});

test("who has the CA's certificate too, which is no secret, gets no further", async () => {
  const keyPair = generateKeyPair();
  await place(made({ keyPair, certificate: ca.certificate }));
  expect(await refusal("--yes")).toContain("forged: the cluster's CA did not sign it");
});

test("who encrypts with the program age an etcd of his own gets nothing restored", async () => {
  const plain = join(home, "plain");
  writeFileSync(plain, state);
  await run(["age", "-r", ageRecipient(publicKey), "-o", file, plain]);
  expect(await refusal("--yes")).toContain("not a whole backup");
});

test("who has old backups does not get deleted nodes back unnoticed", async () => {
  const old = { time: new Date(Date.now() - 7 * 86_400_000), revision: 3n };
  await place(made(ca, old));
  const said = await refusal();
  expect(said).toContain("made at");
  expect(said).toContain("(7 days ago), revision 3");
  expect(said).toContain("is older than the newest backup known here, made at");
  expect(said).toContain("nodes and users that were deleted since are members again");
  await restore("--yes");
  expect(taken).toHaveLength(1);
});

test("who turns the cluster's clock ahead does not make an old state a new one", async () => {
  await place(made(ca, { time: new Date(Date.now() + 86_400_000), revision: 3n }));
  expect(await refusal()).toContain("is older than the newest backup");
});

test("who has two backups does not make a third of them", async () => {
  const old = await place(made(ca, { revision: 3n }));
  const latest = await place(made(ca));
  // The header of each holds its key; the states begin at the same place, and are as long.
  for (const cut of [200, 300, 66_000, latest.length - 1_000]) {
    writeFileSync(file, Buffer.concat([latest.subarray(0, cut), old.subarray(cut)]));
    const reason = /damaged, or cut off|encrypted to another key/;
    await expect(checkBackup(context, file)).rejects.toThrow(reason);
  }
  expect(await refusal("--yes")).toContain("is refused: damaged, or cut off");
});

test("who can cut a backup off gets half of it nowhere", async () => {
  const whole = await place(made(ca));
  const part = 65_536 + 16;
  for (const length of [
    0,
    100,
    200 + part,
    200 + 2 * part,
    whole.length - part,
    whole.length - 1,
  ]) {
    writeFileSync(file, whole.subarray(0, length));
    const reason = /damaged, or cut off|not in the format of age|is empty/;
    await expect(checkBackup(context, file)).rejects.toThrow(reason);
  }
  expect(await refusal("--yes")).toContain("is refused: damaged, or cut off");
});

test("who exchanges the file after it was checked gets no other state restored", async () => {
  await place(made(ca));
  const { digest } = await checkBackup(context, file);
  await place(made(ca, { revision: 3n }));
  const sent: Uint8Array[] = [];
  const sending = async () => {
    for await (const part of checkedContent(context, file, digest)) sent.push(part);
  };
  await expect(sending()).rejects.toThrow("was changed: run it again");
  const received = verifyBackup(parts(...sent), fingerprint(ca.certificate), async () => {});
  await expect(received).rejects.toThrow("the end is missing");
});

test("who has the owner's key, but not the CA's, gets nothing past the machine itself", async () => {
  const credentials = {
    keyPem: privateKeyPem(owner),
    certificatePem: certificatePem(await selfSigned(owner)),
    verify: () => {},
  };
  using channel = connect({ target: address, credentials });
  const node = channel.client(Recovery);
  async function* messages(content: AsyncIterable<Uint8Array>) {
    for await (const part of content) {
      for (let at = 0; at < part.length; at += 32_768) {
        yield { data: part.subarray(at, at + 32_768) };
      }
    }
  }
  const send = async (content: AsyncIterable<Uint8Array>) => {
    for await (const _ of node.restore(messages(content), { timeoutMs: 10_000 })) break;
  };
  const whole = Buffer.concat(await Array.fromAsync(made(ca)));
  for (const forged of [made(await makeCa()), parts(state), parts(whole.subarray(0, -600))]) {
    const outcome = await send(forged).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(RpcError);
    expect(outcome).toMatchObject({ code: Code.invalidArgument });
    expect(taken).toEqual([]);
  }
  // And it goes on waiting for the true one.
  await send(parts(whole));
  expect(taken).toHaveLength(1);
});

test("without the CA's certificate nothing is believed, and nothing sent", async () => {
  await place(made(ca));
  context.remove(contextFiles.ca);
  try {
    const said = await refusal("--yes");
    expect(said).toContain("ca.pem, which tells your backups from forged ones: copy it from");
    expect(said).not.toContain("made at");
  } finally {
    context.write(contextFiles.ca, certificatePem(ca.certificate), 0o600);
  }
});
