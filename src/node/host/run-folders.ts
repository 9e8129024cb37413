// Folders in memory that programs write to, each its program's own.
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { accountOf, programs } from "../../image/image.ts";

const PRIVATE = 0o700;
/** To be passed by the group, whose is what is made there. */
const SERVED = 0o2710;

/** Makes what the table of programs names below /run; it may be there from an earlier agent. */
export function makeRunFolders(): void {
  for (const { account, serves, view } of Object.values(programs)) {
    const { uid } = accountOf(account);
    const { gid } = accountOf(serves ?? account);
    const mode = serves === undefined ? PRIVATE : SERVED;
    for (const path of view?.writes.filter((each) => each.startsWith("/run/")) ?? []) {
      mkdirSync(path, { recursive: true, mode: 0o755 });
      // This order: a change of owner takes the group's bit away.
      chownSync(path, uid, gid);
      chmodSync(path, mode);
    }
  }
}
