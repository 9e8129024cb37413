// Telling the boot loader that the running system works: its kernel image loses the
// counter in its name, with which systemd-boot would give up on it.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { renameAtomic } from "../../base/linux/atomic-file.ts";
import { formatKernelName, parseKernelName, type Slot } from "../../image/image.ts";

/** The counted name of a slot's kernel among files, and the name it gets; undefined if good. */
export function renaming(
  files: readonly string[],
  slot: Slot,
): { readonly from: string; readonly to: string } | undefined {
  const from = files.find((file) => {
    const name = parseKernelName(file);
    return name?.slot === slot && name.attempts !== undefined;
  });
  return from === undefined ? undefined : { from, to: formatKernelName({ slot }) };
}

/** Marks the running slot as good; true if it was not yet. */
export async function markBootGood(folder: string, slot: Slot): Promise<boolean> {
  const names = renaming(await readdir(folder), slot);
  if (names === undefined) return false;
  await renameAtomic(join(folder, names.from), join(folder, names.to));
  return true;
}
