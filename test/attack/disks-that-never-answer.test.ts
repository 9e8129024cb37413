// Somebody with a few USB sticks, whose reads never return: the machine shall not start. Pipes
// without a writer stand for the sticks, as opening one never returns either.
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileDevice } from "../../src/base/format/block-device.ts";
import { writeGpt } from "../../src/base/format/gpt-writer.ts";
import { run } from "../../src/base/process/process.ts";
import { PARTITION_TYPE } from "../../src/image/image.ts";
import { commandFor } from "../../src/init/init.ts";

const SIZE = 16 << 20;
const STICKS = 8;
const systemId = "01234567-89ab-cdef-0123-456789abcdef";
const search = join(import.meta.dir, "find-boot-disk.ts");

function file(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** What the kernel shows of a disk. */
function shown(root: string, name: string): string {
  file(join(root, "sys", name, "size"), `${SIZE / 512}\n`);
  file(join(root, "sys", name, "queue/logical_block_size"), "512\n");
  mkdirSync(join(root, "dev"), { recursive: true });
  return join(root, "dev", name);
}

/** A disk with an installation. */
async function install(root: string, name: string): Promise<void> {
  await using device = await fileDevice(shown(root, name), { mode: "create", size: SIZE });
  const types = [PARTITION_TYPE.esp, PARTITION_TYPE.systemA, PARTITION_TYPE.data];
  const partitions = types.map((type, at) => ({
    ...{ type, name: `P${at}`, offset: (at + 1) << 20, size: 1 << 20 },
    id: type === PARTITION_TYPE.systemA ? systemId : systemId.replace("0", String(at + 1)),
  }));
  await writeGpt(device, { diskId: systemId, sectorSize: 512, partitions });
  for (const [at, { offset }] of partitions.entries()) {
    file(join(root, "sys", name, `${name}${at + 1}`, "start"), `${offset / 512}\n`);
  }
}

test("sticks that never answer keep no machine from finding its own disk", async () => {
  const root = mkdtempSync(join(tmpdir(), "sticks-"));
  try {
    for (let at = 0; at < STICKS; at++) await run(["mkfifo", shown(root, `sd${"abcdefgh"[at]}`)]);
    await install(root, "vdz");
    const { env = {} } = commandFor("node", join(root, "filters"));
    const { stdout } = await run([process.execPath, search, root, systemId], { env });
    const { disk, troubles } = JSON.parse(Buffer.from(stdout).toString());
    expect(disk).toBe(join(root, "dev", "vdz"));
    expect(troubles).toHaveLength(STICKS);
    expect(troubles[0]).toContain("sda cannot be read and is left alone: no answer within 1 s");
  } finally {
    rmSync(root, { recursive: true });
  }
});
