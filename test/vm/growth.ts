// The proof that the first boot of a large disk need not wait for a full wipe: the data
// partition starts small and grows behind the node, through power cuts, and neither
// xfs_repair nor fio nor a read of the whole device finds anything wrong.
//
// Our kernel, started directly, with an initramfs of this machine's programs and a PID 1
// that runs the node's own storage code (growth-init.ts).
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootDirectly, type DirectBoot, directInitramfs } from "./direct.ts";

const PROGRAMS = ["cryptsetup", "mkfs.xfs", "xfs_repair", "blkdiscard", "fio", "dd"];

/** The data partition of a disk of 4 GiB. */
const DISK_BYTES = 2458 * 2 ** 20;

/** Cuts the power at moments that follow from the seed, then lets the growth end. */
export async function proveGrowth(seed: number, kernel: string): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "growth-"));
  try {
    const disk = join(folder, "disk.img");
    const descriptor = openSync(disk, "w");
    ftruncateSync(descriptor, DISK_BYTES);
    closeSync(descriptor);
    const source = join(import.meta.dir, "growth-init.ts");
    const initramfs = await directInitramfs(folder, source, PROGRAMS);
    let isMade = false;
    const boot = async (words: string) => {
      const told = await bootOnce({ kernel, initramfs, disk, words });
      // Once made, a partition has to open at every boot.
      if (isMade && told.has("created-ms")) throw new TypeError("the partition did not open");
      isMade ||= told.has("covered-mib");
      return told;
    };
    const cuts: string[] = [];
    // A generator of small numbers that is the same everywhere.
    for (let state = seed; cuts.length < 3; state = (state * 48_271 + 11) % 2_147_483_647) {
      const told = await boot(`cut=${8 + (state % 30)}`);
      cuts.push(told.get("cut-at-mib") ?? told.get("grown-mib") ?? "before growing");
    }
    const told = await boot("");
    if (told.get("done") !== "yes") throw new TypeError(JSON.stringify([...told]));
    return { cuts, grownMib: told.get("grown-mib"), groups: told.get("groups") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the machine told until it went down; throws where it told of a failure. */
async function bootOnce(boot: DirectBoot): Promise<ReadonlyMap<string, string>> {
  const text = await bootDirectly(boot);
  const told = new Map<string, string>();
  for (const [, key = "", value = ""] of text.matchAll(/GROWTH (\S+) ([^\r\n]*)/g)) {
    told.set(key, value);
  }
  if (told.size === 0 || told.has("failed")) {
    throw new TypeError(told.get("failed") ?? `the machine said nothing: ${text.slice(-500)}`);
  }
  return told;
}
