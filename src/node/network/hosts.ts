// The names of the cluster's nodes, for programs that look them up: a hosts file that
// holds this node and all others that have an address.
import { chmod } from "node:fs/promises";
import type { Value } from "../../base/event/event.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";

/** Addresses of nodes by ID, best first. */
export type Names = ReadonlyMap<string, readonly string[]>;

/** What every machine has. */
const LOCAL = ["127.0.0.1 localhost", "::1 localhost"];

/** The hosts file's content, see hosts(5). */
export function hostsFile(names: Names): string {
  const sorted = [...names].toSorted(([a], [b]) => (a < b ? -1 : 1));
  // Whoever looks a name up gets its addresses in this order, and tries one after the other.
  const lines = sorted.flatMap(([id, addresses]) => addresses.map((each) => `${each} ${id}`));
  return `${[...LOCAL, ...lines].join("\n")}\n`;
}

/** Keeps the hosts file at `path` as `names` say. */
export function hosts(names: Value<Names>, path: string): Runnable {
  return async ({ signal, healthy }) => {
    await write(path, new Map());
    healthy();
    for await (const present of names.watch(signal)) await write(path, present);
  };
}

async function write(path: string, names: Names): Promise<void> {
  // Readable to all: programs without rights look up names too.
  await writeFileAtomic(path, hostsFile(names), 0o644);
  // Whatever the umask took away.
  await chmod(path, 0o644);
}
