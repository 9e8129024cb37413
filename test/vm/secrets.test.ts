// The search for keys, on a memory made for the purpose.
import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBytes } from "./disk-image.ts";
import { keysInMemory, spellings } from "./secrets.ts";

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    der: privateKey.export({ format: "der", type: "pkcs8" }),
    pem: privateKey.export({ format: "pem", type: "pkcs8" }),
    seed: privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32),
    publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-32),
  };
}

function fileWith(...parts: readonly (Uint8Array | string)[]): string {
  const file = join(mkdtempSync(join(tmpdir(), "secrets-")), "memory");
  const noise = crypto.getRandomValues(new Uint8Array(5000));
  writeFileSync(file, Buffer.concat(parts.flatMap((part) => [noise, Buffer.from(part)])));
  return file;
}

test("keysInMemory finds keys as files hold them and as libraries do", () => {
  const [one, two, three] = [newKey(), newKey(), newKey()];
  const inUse = Buffer.concat([three.seed, three.publicKey]);
  const found = keysInMemory(fileWith(one.der, two.pem, inUse), [three.publicKey]);
  const publicKeys = found.map(({ publicKey }) => Buffer.from(publicKey).toString("hex")).sort();
  const expected = [one, two, three].map(({ publicKey }) => publicKey.toString("hex")).sort();
  expect(publicKeys).toEqual(expected);
});

test("keysInMemory takes a public key alone for no secret", () => {
  const { publicKey } = newKey();
  expect(keysInMemory(fileWith(publicKey), [publicKey])).toEqual([]);
});

test.each(["hex", "base64"] as const)("spellings find a secret written in %s", (encoding) => {
  const { seed } = newKey();
  for (const before of ["", "a", "ab", "abc"]) {
    const text = Buffer.concat([Buffer.from(before), seed, Buffer.from("xyz")]).toString(encoding);
    expect(findBytes(fileWith(text), spellings(seed))).not.toEqual([]);
  }
});

test("spellings find nothing where nothing is", () => {
  expect(findBytes(fileWith("text"), spellings(newKey().seed))).toEqual([]);
});
