// The ESP: checked when the machine went down without unmounting it, then mounted.
import { open } from "node:fs/promises";
import { isMountPoint, mount } from "../../base/linux/mount.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { ExitError, run } from "../../base/process/process.ts";

/** Where FAT32 keeps its state, in the boot sector; bit 0 says that it was not unmounted. */
const STATE_OFFSET = 0x41;
const DIRTY = 1;

/** fsck.fat found errors and corrected them. */
const CORRECTED = 1;

/** True if the boot sector of a FAT32 says that the file system was not unmounted. */
export function isDirty(bootSector: Uint8Array): boolean {
  return ((bootSector[STATE_OFFSET] ?? 0) & DIRTY) !== 0;
}

async function readBootSector(device: string): Promise<Uint8Array> {
  const file = await open(device, "r");
  try {
    const bytes = new Uint8Array(512);
    await file.read(bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Repairs what a power cut may have left; a failure shows when it is mounted. */
async function repair(device: string, log: Logger): Promise<void> {
  try {
    await run(["fsck.fat", "-a", device]);
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    if (error.exitCode === CORRECTED) log.warning("ESP was not unmounted, repaired it");
    else log.error(`Checking the ESP failed: ${error.message}`);
  }
}

/** Mounts the ESP, unless it is mounted already by an earlier run of the node agent. */
export async function mountEsp(device: string, target: string, log: Logger): Promise<void> {
  if (isMountPoint(target)) return;
  if (isDirty(await readBootSector(device))) await repair(device, log);
  mount({
    source: device,
    target,
    type: "vfat",
    // Without dirSync FAT may write the end of a rename before its beginning, and a power
    // cut in between costs the file: the kernel image, or the sealed configuration.
    flags: ["noExec", "noDev", "noSuid", "noAtime", "dirSync"],
    // The folder holds sealed keys: nobody but root has business there.
    data: "fmask=0177,dmask=0077,errors=continue",
  });
  log.info(`Mounted the ESP, ${device}`);
}
