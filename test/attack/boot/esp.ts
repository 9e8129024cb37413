// Putting files on the ESP of a machine that is off, as whoever holds its disk can.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../../../src/base/process/process.ts";
import { partitionOf } from "../../vm/disk-image.ts";

/** Files by their paths on the ESP. */
export type EspFiles = Readonly<Record<string, Uint8Array | string>>;

/** Writes files onto the ESP of a disk; a path that ends in a slash is a folder to be made. */
export async function plant(disk: string, files: EspFiles): Promise<void> {
  const image = await espOf(disk);
  const folder = mkdtempSync(join(tmpdir(), "plant-"));
  try {
    const wanted = Object.keys(files).flatMap((path) => parents(path));
    for (const path of [...new Set(wanted)].toSorted()) await makeFolder(image, path);
    for (const [path, content] of Object.entries(files)) {
      if (path.endsWith("/")) continue;
      const source = join(folder, "content");
      writeFileSync(source, content);
      await run(["mcopy", "-o", "-i", image, source, `::/${path}`]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Names in a folder of the ESP. */
export async function namesOn(disk: string, folder: string): Promise<readonly string[]> {
  const { text } = await run(["mdir", "-b", "-i", await espOf(disk), `::/${folder}`]);
  return text.split("\n").flatMap((line) => {
    const name = line.trim().replace(/\/$/, "").split("/").at(-1);
    return name === undefined || name === "" ? [] : [name];
  });
}

/** The name of the node's kernel image, which may have a counter in it. */
export async function imageOn(disk: string): Promise<string> {
  const name = (await namesOn(disk, "EFI/Linux")).find((one) => /^metropolis-a.*\.efi$/.test(one));
  if (name === undefined) throw new TypeError(`${disk}: no kernel image in slot A`);
  return name;
}

/** The disk with the place of its ESP, as mtools want it. */
async function espOf(disk: string): Promise<string> {
  const { offset } = await partitionOf(disk, "esp");
  return `${disk}@@${offset}`;
}

/** The folders above a path, the outermost first. */
function parents(path: string): readonly string[] {
  const own = path.endsWith("/") ? [path.slice(0, -1)] : [];
  const above: string[] = [];
  for (let at = dirname(path); at !== "."; at = dirname(at)) above.unshift(at);
  return [...above, ...own];
}

async function makeFolder(image: string, path: string): Promise<void> {
  // One that is there already is what was wanted; the copying behind it finds any other mistake.
  await run(["mmd", "-D", "s", "-i", image, `::/${path}`]).catch(() => undefined);
}
