// Writing media: files are replaced whole, devices asked about. Runs with a
// small true bundle; the loop device needs root, so others see the refusal.
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../base/process/process.ts";
import { testBundle } from "../../image/test-bundle.ts";
import { errorLine } from "../output/error-line.ts";
import { UserError } from "../output/user-error.ts";
import { writeMedium } from "./medium.ts";

let folder = "";
let bundle = "";
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "medium-"));
  bundle = join(folder, "bundle.zip");
  writeFileSync(bundle, await testBundle());
});
afterEach(() => rmSync(folder, { recursive: true }));

function medium(target: string, given = {}) {
  const signal = new AbortController().signal;
  const parameters = new TextEncoder().encode("parameters of the node");
  return { target, bundle, parameters, isConfirmed: false, progress: () => {}, signal, ...given };
}

test("writeMedium makes an image with the parameters in it", async () => {
  const target = join(folder, "a.img");
  await writeMedium(medium(target));
  expect(readFileSync(target).includes("parameters of the node")).toBe(true);
});

test("writeMedium leaves the old file when it is interrupted", async () => {
  const target = join(folder, "a.img");
  writeFileSync(target, "old");
  const interrupted = medium(target, { signal: AbortSignal.abort() });
  await expect(writeMedium(interrupted)).rejects.toThrow("a.img is as it was before");
  expect(readFileSync(target, "utf8")).toBe("old");
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("writeMedium names a bundle that is not there", async () => {
  const missing = medium(join(folder, "a.img"), { bundle: "/nonexistent.zip" });
  await expect(writeMedium(missing)).rejects.toThrow("there is no bundle /nonexistent.zip");
});

test.each([
  ["/dev/sdzz", "there is no device /dev/sdzz: is it plugged in?"],
  ["/dev/disk/../sdzz.img", "there is no device"],
  ["/dev/null", "/dev/null is no file"],
  ["/nowhere/a.img", "/nowhere/a.img: there is no folder /nowhere"],
  ["/tmp", "/tmp is a folder: name a file in it"],
])("writeMedium refuses the target %s, and leaves nothing there", async (target, reason) => {
  await expect(writeMedium(medium(target))).rejects.toThrow(reason);
  expect(readdirSync("/dev").filter((name) => /sdzz|null\./.test(name))).toEqual([]);
});

test("writeMedium says what it could not look at", async () => {
  // As where a folder is another user's; root may look everywhere.
  const loop = join(folder, "loop");
  symlinkSync(loop, loop);
  const failure = await writeMedium(medium(loop)).catch((error: unknown) => error);
  expect(errorLine(failure)).toStartWith(`look at ${loop}: ELOOP`);
});

const asRoot = { env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" } };

test("writeMedium destroys a device only when that was confirmed", async () => {
  const backing = join(folder, "device");
  writeFileSync(backing, "precious");
  truncateSync(backing, 256 << 20);
  const attached = await run(["losetup", "--find", "--show", backing], asRoot).catch(
    () => undefined,
  );
  if (attached === undefined) {
    expect(process.getuid?.()).not.toBe(0);
    return;
  }
  const target = attached.text.trim();
  try {
    expect(existsSync(target)).toBe(true);
    const refused = await writeMedium(medium(target)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UserError);
    expect(String(refused)).toContain(`Everything on ${target} (256 MiB) will be lost`);
    expect(String(refused)).toEndWith("standard input is no terminal; --yes answers it");
    expect(readFileSync(backing).subarray(0, 8).toString()).toBe("precious");
    await writeMedium(medium(target, { isConfirmed: true }));
    expect(readFileSync(target).includes("parameters of the node")).toBe(true);
  } finally {
    await run(["losetup", "--detach", target], asRoot);
  }
});
