// Another user of the operator's workstation, who may write to the folders that both use, and read
// what is not closed to him: he wants secrets, or files of the operator overwritten.
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDevice } from "../../src/base/format/block-device.ts";
import { writeInstallerMedium } from "../../src/image/image.ts";
import { testBundle } from "../../src/image/test-bundle.ts";
import { saveStream } from "../../src/metroctl/session/save-stream.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shared-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function* pieces() {
  yield new TextEncoder().encode("a backup");
}

test("who plants a link where a backup is written has nothing overwritten", async () => {
  const [theirs, part] = [join(folder, "theirs"), join(folder, "backup.part")];
  writeFileSync(theirs, "of the operator");
  symlinkSync(theirs, part);
  expect(await saveStream(part, "backup", pieces())).toBe(8);
  expect(readFileSync(theirs, "utf8")).toBe("of the operator");
  expect(() => readlinkSync(part)).toThrow();
});

test("who plants a file there does not keep it open to himself", async () => {
  const part = join(folder, "backup.part");
  writeFileSync(part, "", { mode: 0o666 });
  const planted = statSync(part).ino;
  await using held = await fileDevice(part, { size: 100 });
  await saveStream(part, "backup", pieces());
  expect(statSync(part)).not.toMatchObject({ ino: planted });
  expect(statSync(part).mode & 0o777).toBe(0o600);
  await expect(held.read(0, 8)).rejects.toThrow("ends before byte 8");
});

test("who may read the folder of a medium's image learns no secret of it", async () => {
  const [bundlePath, target] = [join(folder, "bundle.zip"), join(folder, "installer.img")];
  writeFileSync(bundlePath, await testBundle());
  await writeInstallerMedium({ bundlePath, target, nodeParameters: new Uint8Array(8) });
  expect(statSync(target).mode & 0o777).toBe(0o600);
});
