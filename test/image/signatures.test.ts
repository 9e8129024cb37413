// What firmware is to start, judged by programs that others wrote: our own code signs, lays out the
// PE files, and would share its mistakes with a reader of ours.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/base/process/process.ts";
import { outputs } from "../cluster/support.ts";

const certificate = outputs("keys/db.crt");
const images = ["metropolis.efi", "installer.efi", "systemd-boot.efi"] as const;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "signatures-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const verifiers: readonly (readonly [string, (path: string) => readonly string[]])[] = [
  ["sbverify", (path) => ["sbverify", "--cert", certificate, path]],
  ["osslsigncode", (path) => ["osslsigncode", "verify", "-in", path, "-CAfile", certificate]],
];

/** Whether a verifier takes a file for one that the build's key signed. */
async function passes(argv: readonly string[]): Promise<boolean> {
  return await run(argv).then(
    () => true,
    () => false,
  );
}

const cases = verifiers.flatMap(([name, command]) =>
  images.map((image) => [name, image, command] as const),
);

test.each(cases)("%s verifies %s, and not with one byte changed", async (_, image, command) => {
  const bytes = readFileSync(outputs(image));
  expect(await passes(command(outputs(image)))).toBe(true);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  const changed = join(folder, image);
  writeFileSync(changed, bytes);
  expect(await passes(command(changed))).toBe(false);
});

test("sbverify takes no other key's certificate", async () => {
  const other = outputs("keys/KEK.crt");
  for (const image of images) {
    expect(await passes(["sbverify", "--cert", other, outputs(image)])).toBe(false);
  }
});
