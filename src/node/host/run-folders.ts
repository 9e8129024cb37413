// Folders in memory that programs write to, each its program's own.
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { accountOf, programs } from "../../image/image.ts";

/** Makes what the table of programs names below /run; it may be there from an earlier agent. */
export function makeRunFolders(): void {
  for (const { account, view } of Object.values(programs)) {
    const { uid, gid } = accountOf(account);
    for (const path of view?.writes.filter((each) => each.startsWith("/run/")) ?? []) {
      mkdirSync(path, { recursive: true, mode: 0o755 });
      chmodSync(path, 0o700);
      chownSync(path, uid, gid);
    }
  }
}
