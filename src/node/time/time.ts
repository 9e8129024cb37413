// The node's clock: chrony, told of the time servers that DHCP names, or of a
// public pool where it names none. Certificates and leases depend on it, so a
// clock that is far off is stepped, once, right after the start.
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { sleep, type Value } from "../../base/event/event.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { ExitError, program, run } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import {
  COMMAND_SOCKET,
  chronyConfiguration,
  chronySources,
  RUN_FOLDER,
  SOURCES_FOLDER,
} from "./chrony.ts";

/** The part of the network's status that is about time. */
export interface TimeServers {
  readonly timeServers: readonly string[];
}

/** User and group `_chrony` of our /etc/passwd. */
const CHRONY_ID = 101;
const CONFIGURATION = "/run/chrony/chrony.conf";
/** Where /var/lib/chrony leads on our root. */
const STATE = "/run/lib/chrony";
const SOURCES = `${SOURCES_FOLDER}/dhcp.sources`;
/** How often to ask a chronyd that does not answer yet, and how long to wait in between. */
const ATTEMPTS = 60;
const RETRY_MS = 500;
const environment = { PATH: "/usr/sbin:/usr/bin" };

/** Runs chrony and tells it of the servers that the network names. */
export function time(network: Value<TimeServers>): Runnable {
  return async ({ run: start, healthy, signal, raw, tree, dn }) => {
    for (const folder of [RUN_FOLDER, STATE]) makeOwned(folder);
    mkdirSync(SOURCES_FOLDER, { recursive: true });
    await writeFileAtomic(SOURCES, chronySources(network.current?.timeServers ?? []), 0o644);
    await writeFileAtomic(CONFIGURATION, chronyConfiguration, 0o644);
    // chronyd's lines belong to the node's clock, not to a detail of it.
    const tell = (line: string) => tree.raw(dn).write(`${line}\n`);
    start(
      "chrony",
      program({
        argv: ["/usr/sbin/chronyd", "-d", "-u", "_chrony", "-f", CONFIGURATION],
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
      await reload(signal);
      raw.write(`Time servers are ${known === "" ? "those of the public pool" : known}\n`);
    }
  };
}

/** chronyd gives up root, and wants its folders to be its own and nobody else's. */
function makeOwned(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o750);
  chownSync(folder, CHRONY_ID, CHRONY_ID);
}

/** Makes a running chronyd read its servers again; it may have been started just now. */
async function reload(signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await run(["/usr/bin/chronyc", "-h", COMMAND_SOCKET, "-n", "reload", "sources"], {
        env: environment,
      });
      return;
    } catch (error) {
      if (!(error instanceof ExitError) || attempt === ATTEMPTS) throw error;
    }
    await sleep(RETRY_MS, signal);
  }
}
