// The room on the data partition. etcd goes on for a while in files that it has made before, so
// that nothing fails when the last of it is used up, and the node does not start again later.
import { statfs } from "node:fs/promises";
import { sleep, type Value } from "../../base/event/event.ts";
import { capital } from "../../base/format/sentence.ts";
import { formatSize } from "../../base/format/size.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Troubles } from "../control/troubles.ts";

/** etcd makes its log in pieces of 64 MiB, and another file of that kind before it drops one. */
const LEAST_BYTES = 128 << 20;
const LOOK_MS = 60_000;

/** What is watched, and who is told. */
export interface RoomOptions {
  /** Where the data partition is mounted. */
  readonly root: string;
  /** Set once it is. */
  readonly membership: Value<unknown>;
  readonly troubles: Troubles;
  /** Whether the file system is still to get the rest of its device. */
  readonly isGrowing: () => boolean;
  readonly lookMs?: number;
  /** How many bytes are left; for tests. */
  readonly free?: (root: string) => Promise<number>;
}

/** Tells of a data partition that is nearly full, and takes it back when it is not. */
export function dataRoom(options: RoomOptions): Runnable {
  const { root, membership, troubles, isGrowing, lookMs = LOOK_MS, free = bytesFree } = options;
  return async ({ signal, log, healthy }) => {
    healthy();
    await membership.first(signal, () => true);
    let isTold = false;
    for (;;) {
      // First of all: the file system of a new node is told to grow a moment after it is mounted.
      await sleep(lookMs, signal);
      const bytes = await free(root);
      const isShort = bytes < LEAST_BYTES && !isGrowing();
      const sentence = `the data partition is nearly full, ${formatSize(bytes)} are left: install the node again on a larger disk`;
      if (isShort && !isTold) log.warning(capital(sentence));
      isTold = isShort;
      troubles.note("room", isShort ? [sentence] : []);
    }
  };
}

async function bytesFree(root: string): Promise<number> {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
}
