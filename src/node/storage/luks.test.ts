// Tests of the encrypted device: with the real cryptsetup on a file, where there is one.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../base/process/process.ts";
import { formatArguments, formatLuks, openArguments } from "./luks.ts";

test("formatArguments authenticates without a wipe", () => {
  const words = formatArguments("/dev/vda4", "authenticated").join(" ");
  expect(words).toContain("--cipher aes-gcm-random --key-size 256 --integrity aead");
  expect(words).toContain("--integrity-no-wipe");
  expect(words).toEndWith("--key-file=- --keyfile-size=32 /dev/vda4");
});

test("formatArguments encrypts with two keys of 256 bits", () => {
  const words = formatArguments("/dev/vda4", "encrypted").join(" ");
  expect(words).toContain("--cipher aes-xts-plain64 --key-size 512");
  expect(words).not.toContain("--integrity");
});

test("openArguments take the passphrase from standard input", () => {
  expect(openArguments("/dev/vda4")).toContain("--key-file=-");
  expect(openArguments("/dev/vda4").at(-1)).toBe("data");
});

test("formatLuks makes a device that opens with its passphrase only", async () => {
  const folder = mkdtempSync(join(tmpdir(), "node-luks-"));
  try {
    const device = join(folder, "device");
    writeFileSync(device, "");
    truncateSync(device, 64 << 20);
    const passphrase = new Uint8Array(32).fill(10);
    await formatLuks(device, "encrypted", passphrase);
    const tried = ["cryptsetup", "open", "--test-passphrase", "--key-file=-", device];
    await run(tried, { input: passphrase });
    await expect(run(tried, { input: new Uint8Array(32) })).rejects.toThrow("cryptsetup");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
