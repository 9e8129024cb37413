// Tests of the data partition, as far as they go without mounting one.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../base/process/process.ts";
import { dataMount, mkfsArguments } from "./data.ts";
import { dataLayout } from "./data-layout.ts";

const MIB = 1n << 20n;

test("dataMount takes neither devices nor programs, and none that make their caller root", () => {
  const { flags } = dataMount("/dev/mapper/data", "/data");
  for (const flag of ["noDev", "noExec", "noSuid"] as const) expect(flags).toContain(flag);
});

test("mkfsArguments take the whole device where nothing was written", () => {
  expect(mkfsArguments("/dev/vda4", undefined).join(" ")).toBe(
    "mkfs.xfs -q -f -K -b size=4096 /dev/vda4",
  );
});

test("mkfsArguments begin small, with groups for the final size", () => {
  const words = mkfsArguments("/dev/mapper/data", dataLayout(2458n * MIB)).join(" ");
  expect(words).toContain(`-d size=${320n * MIB},agsize=${256n * MIB}`);
  expect(words).toContain(`-l internal=1,agnum=0,size=${64n * MIB}`);
});

test("mkfsArguments leave the groups of a tiny device to mkfs", () => {
  expect(mkfsArguments("x", dataLayout(200n * MIB)).join(" ")).not.toContain("agsize");
});

test.each([2458n, 300n * 1024n, 4n * 1024n * 1024n])(
  "mkfs.xfs accepts the layout of a device of %d MiB, and writes to its beginning only",
  async (mebibytes) => {
    const folder = mkdtempSync(join(tmpdir(), "node-mkfs-"));
    try {
      const image = join(folder, "device");
      writeFileSync(image, "");
      truncateSync(image, Number(mebibytes * MIB));
      const layout = dataLayout(mebibytes * MIB);
      await run(mkfsArguments(image, layout));
      expect(await superBlock(image)).toEqual({
        signature: "XFSB",
        bytes: layout.initialBytes,
        groups: 2,
        groupBytes: layout.groupBytes,
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

/** The fields of an XFS superblock that the layout decides. */
async function superBlock(path: string) {
  const file = await open(path, "r");
  try {
    const view = new DataView(new ArrayBuffer(512));
    await file.read(view, 0, 512, 0);
    const signature = new TextDecoder().decode(view.buffer.slice(0, 4));
    const blockBytes = BigInt(view.getUint32(4));
    return {
      signature,
      bytes: view.getBigUint64(8) * blockBytes,
      groups: view.getUint32(88),
      groupBytes: BigInt(view.getUint32(84)) * blockBytes,
    };
  } finally {
    await file.close();
  }
}
