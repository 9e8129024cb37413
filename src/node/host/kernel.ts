// The kernel's messages, as part of the node's log at the DN `kernel`.
import { readKmsg } from "../../base/linux/kmsg.ts";
import { bootTime, parseKmsg, rawEntry } from "../../base/logtree/logtree.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";

const DN = "kernel";

/** Takes the kernel's messages into the log, from those of the boot on. */
export function kernelLog(path = "/dev/kmsg"): Runnable {
  return async ({ signal, tree, healthy }) => {
    healthy();
    for await (const record of readKmsg(signal, path)) {
      const now = { time: new Date(), micros: 0 };
      tree.add(parseKmsg(record, DN, bootTime()) ?? rawEntry(DN, record, now));
    }
    signal.throwIfAborted();
  };
}
