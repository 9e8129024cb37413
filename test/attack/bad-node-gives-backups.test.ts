// A node gone bad that leads the cluster when the operator makes a backup. It wants him to keep
// one that is of no use, or one that brings back what was deleted, in place of a good one.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encryptStream } from "../../src/base/pki/age.ts";
import { type Issuer, issueCa } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { generateBoxKeyPair } from "../../src/base/pki/sealed-box.ts";
import { type BackupFacts, signedBackup } from "../../src/base/pki/signed-backup.ts";
import { contextFiles } from "../../src/metroctl/session/context.ts";
import { newestBackup, saveNewestBackup } from "../../src/metroctl/session/newest-backup.ts";
import { ensureRecoveryKey } from "../../src/metroctl/session/recovery-key.ts";
import { TestControlPlane } from "../../src/metroctl/test-control-plane.ts";

const state = new Uint8Array(100_000).fill(5);
const day = 86_400_000;
const before = { time: new Date(Date.now() - day), revision: 100n };
const present: BackupFacts = { cluster: "ours", time: new Date(), revision: 200n };
const good = "a good backup";

let plane: TestControlPlane;
let file = "";
let operatorKey: Uint8Array = new Uint8Array();
beforeAll(async () => {
  plane = await (await new TestControlPlane().start()).own();
  file = join(plane.home, "cluster.backup");
  operatorKey = ensureRecoveryKey(plane.context).publicKey;
});
afterAll(async () => plane[Symbol.asyncDispose]());
beforeEach(() => {
  writeFileSync(file, good);
  saveNewestBackup(plane.context, before);
});

function made(issuer: Issuer, facts = present): AsyncIterable<Uint8Array> {
  async function* parts() {
    yield state;
  }
  return signedBackup(issuer, facts, { bytes: state.length, parts: parts() });
}

const sealed = (content: AsyncIterable<Uint8Array>, key = operatorKey) =>
  encryptStream(key, content);

const backup = (...flags: readonly string[]) => plane.metroctl("cluster", "backup", ...flags, file);

/** The good one stays, with its time, and nothing lies beside it. */
function expectKept(): void {
  expect(readFileSync(file, "utf8")).toBe(good);
  expect(existsSync(`${file}.part`)).toBe(false);
  expect(newestBackup(plane.context)).toEqual(before);
}

test("a true backup is kept, and its time remembered", async () => {
  plane.backup = sealed(made(plane.issuer));
  const { stdout, exitCode } = await backup();
  expect(stdout).toMatch(/checked: cluster ours, made at .* \(\d+ seconds? ago\), revision 200\n$/);
  expect(exitCode).toBe(0);
  expect(readFileSync(file, "latin1")).toStartWith("age-encryption.org/v1\n");
  expect(newestBackup(plane.context)).toEqual({ time: present.time, revision: 200n });
});

test("who gives an old backup as a new one does not replace the newest", async () => {
  for (const old of [{ revision: 99n }, { time: new Date(Date.now() - 2 * day) }]) {
    plane.backup = sealed(made(plane.issuer, { ...present, ...old }));
    const { stderr, exitCode } = await backup();
    expect(stderr).toContain("What the cluster gave is older than the newest backup known here");
    expect(stderr).toContain("or the node that leads it has gone bad");
    expect(exitCode).toBe(1);
    expectKept();
  }
  // An operator who knows why says so; after a restore elsewhere it is the truth.
  plane.backup = sealed(made(plane.issuer, { ...present, revision: 99n }));
  expect((await backup("--yes")).exitCode).toBe(0);
  expect(newestBackup(plane.context)?.revision).toBe(99n);
});

test("who gives a backup of another CA, half of one, or one for himself, has none kept", async () => {
  const keyPair = generateKeyPair();
  const his: Issuer = { keyPair, certificate: await issueCa(keyPair) };
  async function* half() {
    const whole = Buffer.concat(await Array.fromAsync(sealed(made(plane.issuer))));
    yield whole.subarray(0, whole.length >> 1);
  }
  const useless = [
    [sealed(made(his)), "forged, or of another cluster"],
    [sealed(made({ keyPair, certificate: plane.ca })), "the cluster's CA did not sign it"],
    [half(), "damaged, or cut off"],
    [sealed(made(plane.issuer), generateBoxKeyPair().publicKey), "encrypted to another key"],
  ] as const;
  for (const [content, reason] of useless) {
    plane.backup = content;
    const { stderr, exitCode } = await backup("--yes");
    expect(stderr).toContain(reason);
    expect(exitCode).toBe(1);
    expectKept();
  }
});

test("where the recovery key is not at hand, the answer says that nothing was checked", async () => {
  const path = join(plane.context.path, contextFiles.recoveryKey);
  const key = readFileSync(path);
  rmSync(path);
  try {
    plane.backup = sealed(made(plane.issuer));
    expect((await backup()).stdout).toContain("not checked: the recovery key is not here");
    expect(newestBackup(plane.context)).toEqual(before);
  } finally {
    writeFileSync(path, key, { mode: 0o600 });
  }
});
