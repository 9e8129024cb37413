// Who owns the cluster, remembered on the data partition: a node that comes back without a
// cluster to ask must not take up again with a key that was replaced.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Value } from "../../base/event/event.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { PUBLIC_KEY_BYTES } from "../../base/pki/node-id.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";

/** Sets `owner` to what the file says, unless it is known already, and keeps the file up to date. */
export function ownerFile(owner: Value<Uint8Array>, path: string): Runnable {
  return async ({ signal, log, healthy }) => {
    let saved = existsSync(path) ? await readFile(path) : Buffer.alloc(0);
    if (saved.length === PUBLIC_KEY_BYTES && owner.current === undefined) {
      owner.set(new Uint8Array(saved));
    }
    healthy();
    for await (const key of owner.watch(signal)) {
      if (saved.equals(key)) continue;
      await writeFileAtomic(path, key);
      if (saved.length > 0) log.info("The cluster's owner has another key");
      saved = Buffer.from(key);
    }
  };
}
