// Tests of looking at disks, on files and on what is worse than files.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDevice } from "../base/format/block-device.ts";
import { writeGpt } from "../base/format/gpt-writer.ts";
import { run } from "../base/process/process.ts";
import { diskContent, isInstallation } from "./disk-content.ts";
import { PARTITION_TYPE } from "./layout.ts";

const MIB = 1 << 20;
const folder = mkdtempSync(join(tmpdir(), "disk-content-"));
afterAll(() => rmSync(folder, { recursive: true }));

function place(name: string, content: Uint8Array | string, size = content.length) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return { path, size, sectorSize: 512 } as const;
}

test("a blank disk is told from one with something else on it", async () => {
  const zeros = new Uint8Array(2 * MIB);
  expect(await diskContent(place("blank", zeros))).toEqual({ kind: "none", isBlank: true });
  zeros[1080] = 0x53;
  expect(await diskContent(place("ext4", zeros))).toEqual({ kind: "none", isBlank: false });
  expect(await diskContent(place("no-card", ""))).toEqual({ kind: "none", isBlank: true });
});

test("an installation is known by its partitions, whichever release it is of", async () => {
  const disk = place("node", new Uint8Array(16 * MIB));
  await using device = await fileDevice(disk.path, { mode: "write" });
  const types = [PARTITION_TYPE.esp, PARTITION_TYPE.systemA, PARTITION_TYPE.data];
  const partitions = types.map((type, index) => ({
    type,
    id: `0123456${index}-89ab-cdef-0123-456789abcdef`,
    name: `P${index}`,
    offset: (index + 1) * MIB,
    size: MIB,
  }));
  await writeGpt(device, {
    diskId: "99999999-89ab-cdef-0123-456789abcdef",
    sectorSize: 512,
    partitions,
  });
  const content = await diskContent(disk);
  expect(content).toMatchObject({ kind: "table", partitions });
  expect(isInstallation(content)).toBe(true);
  expect(isInstallation({ kind: "table", partitions: partitions.slice(0, 2) })).toBe(false);
  expect(isInstallation({ kind: "none", isBlank: false })).toBe(false);
});

test("a disk that gives an error, ends early or is gone is unreadable, with the reason", async () => {
  const reasonOf = async (path: string, size: number) => {
    const content = await diskContent({ path, size, sectorSize: 512 });
    return content.kind === "unreadable" ? content.reason : content.kind;
  };
  // A process's own memory has nothing at its first pages: reading there is EIO.
  expect(await reasonOf("/proc/self/mem", 16 * MIB)).toContain("EIO");
  expect(await reasonOf(join(folder, "gone"), MIB)).toContain("ENOENT");
  expect(await reasonOf(place("short", "short").path, MIB)).toContain("ends before byte");
});

test("a disk that does not answer is left after a while", async () => {
  const path = join(folder, "silent");
  await run(["mkfifo", path]);
  const content = diskContent({ path, size: MIB, sectorSize: 512 }, 50);
  expect(await content).toEqual({ kind: "unreadable", reason: "no answer within 0.05 s" });
  // Lets the reader that waits for a writer go.
  await run(["sh", "-c", `: > '${path}'`]);
});
