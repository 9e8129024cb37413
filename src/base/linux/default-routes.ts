// Which interfaces lead anywhere else: the kernel's tables of routes (proc_pid_net(5)).
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Interfaces with a default route, by family. */
export interface DefaultRoutes {
  readonly ipv4: ReadonlySet<string>;
  readonly ipv6: ReadonlySet<string>;
}

const NOWHERE_4 = "00000000";
const NOWHERE_6 = "0".repeat(32);

/** Reads both tables. */
export function defaultRoutes(folder = "/proc/net"): DefaultRoutes {
  const ipv4 = rows(join(folder, "route"))
    .filter(([, destination, , , , , , mask]) => destination === NOWHERE_4 && mask === NOWHERE_4)
    .map(([name = ""]) => name);
  const ipv6 = rows(join(folder, "ipv6_route"))
    .filter(([destination, length]) => destination === NOWHERE_6 && length === "00")
    .map((row) => row.at(-1) ?? "")
    // The kernel's own entry for what it refuses.
    .filter((name) => name !== "lo");
  return { ipv4: new Set(ipv4), ipv6: new Set(ipv6) };
}

function rows(file: string): readonly (readonly string[])[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.map((line) => line.trim().split(/\s+/));
}
