// The node's clock: chrony, told of the time servers that DHCP names, or of a
// public pool where it names none. Certificates and leases depend on it, so a
// clock that is far off is stepped, once, right after the start.
import { mkdirSync } from "node:fs";
import type { Value } from "../../base/event/event.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { program, run } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { chronyConfiguration, chronySources, SOURCES_FOLDER } from "./chrony.ts";

/** The part of the network's status that is about time. */
export interface TimeServers {
  readonly timeServers: readonly string[];
}

const CONFIGURATION = "/run/chrony/chrony.conf";
/** Where /var/lib/chrony leads on our root. */
const STATE = "/run/lib/chrony";
const SOURCES = `${SOURCES_FOLDER}/dhcp.sources`;
const environment = { PATH: "/usr/sbin:/usr/bin" };

/** Runs chrony and tells it of the servers that the network names. */
export function time(network: Value<TimeServers>): Runnable {
  return async ({ run: start, healthy, signal, raw, tree, dn }) => {
    for (const folder of [SOURCES_FOLDER, STATE]) mkdirSync(folder, { recursive: true });
    await writeFileAtomic(SOURCES, chronySources(network.current?.timeServers ?? []), 0o644);
    await writeFileAtomic(CONFIGURATION, chronyConfiguration, 0o644);
    // chronyd's lines belong to the node's clock, not to a detail of it.
    const tell = (line: string) => tree.raw(dn).write(`${line}\n`);
    start(
      "chrony",
      program({
        argv: ["/usr/sbin/chronyd", "-d", "-f", CONFIGURATION],
        env: environment,
        onStderr: tell,
        onStdout: tell,
      }),
    );
    healthy();
    let known = network.current?.timeServers.join(" ") ?? "";
    for await (const { timeServers } of network.watch(signal)) {
      if (timeServers.join(" ") === known) continue;
      known = timeServers.join(" ");
      await writeFileAtomic(SOURCES, chronySources(timeServers), 0o644);
      const { text } = await run(["/usr/bin/chronyc", "-n", "reload", "sources"], { env: environment });
      raw.write(`chronyc: ${text.trim()}\n`);
    }
  };
}
