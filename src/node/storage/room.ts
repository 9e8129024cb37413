// The room on the data partition. etcd goes on for a while in files that it has made before, so
// that nothing fails when the last of it is used up, and the node does not start again later.
import { statfs } from "node:fs/promises";
import { sleep, type Value } from "../../base/event/event.ts";
import { capital } from "../../base/format/sentence.ts";
import { formatSize } from "../../base/format/size.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Troubles } from "../control/troubles.ts";
import type { DataVolume } from "./data.ts";
import { isGrown } from "./growth.ts";

/** etcd makes its log in pieces of 64 MiB, and another file of that kind before it drops one. */
const LEAST_BYTES = 128 << 20;
const LOOK_MS = 60_000;

/** What is watched, and who is told. */
export interface RoomOptions {
  /** Where the data partition is mounted. */
  readonly root: string;
  /** What is mounted there. */
  readonly mounted: Value<DataVolume | null>;
  readonly troubles: Troubles;
  readonly lookMs?: number;
  /** How many bytes are left; for tests. */
  readonly free?: (root: string) => Promise<number>;
}

/** Tells of a data partition that is nearly full, and takes it back when it is not. */
export function dataRoom(options: RoomOptions): Runnable {
  const { root, mounted, troubles, lookMs = LOOK_MS, free = bytesFree } = options;
  return async ({ signal, log, healthy }) => {
    healthy();
    for (let isTold = false; ; await sleep(lookMs, signal)) {
      const volume = await mounted.first(signal, (now) => now !== null);
      const bytes = await free(root);
      const isShort = bytes < LEAST_BYTES && !isGrowing(volume);
      const sentence = `the data partition is nearly full, ${formatSize(bytes)} are left: install the node again on a larger disk`;
      if (isShort && !isTold) log.warning(capital(sentence));
      isTold = isShort;
      troubles.note("room", isShort ? [sentence] : []);
    }
  };
}

/**
 * Whether the file system is still to get the rest of its device: their sizes say so, from the
 * moment that it is mounted, whether or not anybody has begun.
 */
function isGrowing(volume: DataVolume | null): boolean {
  return volume?.growing !== undefined && !isGrown(volume.growing);
}

async function bytesFree(root: string): Promise<number> {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
}
