// Tests of the encrypted device: with the real cryptsetup on a file, where there is one.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../base/process/process.ts";
import {
  addLuksKey,
  formatArguments,
  formatLuks,
  keepLuksKey,
  openArguments,
  opensLuks,
} from "./luks.ts";

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
  const argv = openArguments("/dev/vda4", "/run/cryptsetup/header");
  expect(argv).toContain("--key-file=-");
  expect(argv.at(-1)).toBe("data");
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

/** A device with a passphrase, for as long as `work` takes. */
async function withDevice(
  passphrase: Uint8Array,
  work: (device: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "node-luks-"));
  try {
    const device = join(folder, "device");
    writeFileSync(device, "");
    truncateSync(device, 64 << 20);
    await formatLuks(device, "encrypted", passphrase);
    await work(device);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [first, second, third] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

test("addLuksKey lets a device open with another passphrase, too, once", async () => {
  await withDevice(first, async (device) => {
    for (let i = 0; i < 2; i++) await addLuksKey(device, first, second);
    expect([await opensLuks(device, first), await opensLuks(device, second)]).toEqual([true, true]);
    expect(await opensLuks(device, third)).toBe(false);
    await expect(addLuksKey(device, third, new Uint8Array(32))).rejects.toThrow("cryptsetup");
    expect(await keepLuksKey(device, second)).toBe(1);
  });
});

test("keepLuksKey leaves one passphrase, whichever slot it is in, and never none", async () => {
  await withDevice(first, async (device) => {
    await addLuksKey(device, first, second);
    await addLuksKey(device, second, third);
    await expect(keepLuksKey(device, new Uint8Array(32))).rejects.toThrow("opens no slot");
    expect(await keepLuksKey(device, second)).toBe(2);
    expect(await keepLuksKey(device, second)).toBe(0);
    const opens = await Promise.all([first, second, third].map((key) => opensLuks(device, key)));
    expect(opens).toEqual([false, true, false]);
  });
});

test("opensLuks does not take a device that is none for a wrong passphrase", async () => {
  await expect(opensLuks("/nowhere", first)).rejects.toThrow("cryptsetup");
});
