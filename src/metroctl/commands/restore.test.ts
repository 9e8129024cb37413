// What `cluster restore` refuses before it asks any machine.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encryptStream } from "../../base/pki/age.ts";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { signedBackup } from "../../base/pki/signed-backup.ts";
import { ensureRecoveryKey } from "../session/recovery-key.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await (await new TestControlPlane().start()).own();
  ensureRecoveryKey(plane.context);
});
afterAll(() => plane[Symbol.asyncDispose]());

/** A file of the operator's. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(plane.home, name);
  writeFileSync(path, content);
  return path;
}

async function encrypted(publicKey: Uint8Array, text: string): Promise<Uint8Array> {
  async function* source() {
    yield new TextEncoder().encode(text);
  }
  return Buffer.concat(await Array.fromAsync(encryptStream(publicKey, source())));
}

async function refusal(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await plane.metroctl("cluster", "restore", ...args);
  expect(stdout).toBe("");
  expect(exitCode).toBeGreaterThan(0);
  return stderr;
}

test("what was never a backup is told from one that is damaged", async () => {
  const text = file("hostname", "vm\n");
  expect(await refusal("127.0.0.1:1", text)).toBe(
    `Error: ${text} is no backup: name a file that metroctl cluster backup wrote\n`,
  );
  const empty = file("empty", "");
  expect(await refusal("127.0.0.1:1", empty)).toContain(`${empty} is empty: name a file`);
  expect(await refusal("127.0.0.1:1", plane.home)).toStartWith(`Error: read ${plane.home}: EISDIR`);
  const { publicKey } = ensureRecoveryKey(plane.context);
  const other = file("other", await encrypted(publicKey, "not a backup"));
  expect(await refusal("127.0.0.1:1", other)).toContain(
    "not a whole backup: tar: the end is missing",
  );
});

test("a backup for another recovery key is refused with the reason", async () => {
  const foreign = file("foreign", await encrypted(generateBoxKeyPair().publicKey, "state"));
  const told = await refusal("127.0.0.1:1", foreign);
  expect(told).toContain("or encrypted to another key");
  expect(told).toEndWith("Take another backup\n");
});

test("an address that is none is refused before the file is read", async () => {
  expect(await refusal("127.0.0.1:", "/nowhere")).toContain('"127.0.0.1:" is no host name');
});

test("restore says how to go on where the machine has the backup, and the answer was lost", async () => {
  const facts = { cluster: "ours", time: new Date(), revision: 5n };
  const snapshot = new Uint8Array(1_000);
  async function* parts() {
    yield snapshot;
  }
  const signed = signedBackup(plane.issuer, facts, { bytes: snapshot.length, parts: parts() });
  const { publicKey } = ensureRecoveryKey(plane.context);
  const good = Buffer.concat(await Array.fromAsync(encryptStream(publicKey, signed)));
  // Its cluster runs, which restore would ask about.
  const told = await refusal("--yes", "127.0.0.1:1", file("good", good));
  expect(told).toContain("Error: no machine waits for a backup there; if it has taken this one,");
  expect(told).toContain("metroctl takeownership 127.0.0.1:1 goes on: no connection: ");
});
