// The node's clock: chrony, told of the time servers that DHCP names, or of a
// public pool where it names none. Certificates and leases depend on it, so a
// clock that is far off is stepped, once, right after the start.
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { sleep, type Value } from "../../base/event/event.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { ExitError, program, run } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { accounts } from "../../image/image.ts";
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

/** chronyd wants root, unless it is told that whoever starts it gives it what it needs. */
const WITHOUT_ROOT = ["-U", "-u", "_chrony"] as const;

/** chrony's programs and files. Tests have their own. */
export interface ChronyPlaces {
  readonly daemon: string;
  readonly client: string;
  readonly run: string;
  /** Where /var/lib/chrony leads on our root. */
  readonly state: string;
  readonly sources: string;
  /** User and group that chronyd becomes. */
  readonly ownerId: number;
}

const machine: ChronyPlaces = {
  daemon: "/usr/sbin/chronyd",
  client: "/usr/bin/chronyc",
  run: RUN_FOLDER,
  state: "/run/lib/chrony",
  sources: SOURCES_FOLDER,
  ownerId: accounts._chrony,
};

/** How often to ask a chronyd that does not answer yet, and how long to wait in between. */
const ATTEMPTS = 60;
const RETRY_MS = 500;
const environment = { PATH: "/usr/sbin:/usr/bin" };

/** Runs chrony and tells it of the servers that the network names. */
export function time(network: Value<TimeServers>, places: ChronyPlaces = machine): Runnable {
  const sources = join(places.sources, "dhcp.sources");
  const configuration = join(places.run, "chrony.conf");
  return async ({ run: start, healthy, signal, raw, tree, dn }) => {
    for (const folder of [places.run, places.state]) makeOwned(folder, places.ownerId);
    mkdirSync(places.sources, { recursive: true });
    await writeFileAtomic(sources, chronySources(network.current?.timeServers ?? []), 0o644);
    await writeFileAtomic(configuration, chronyConfiguration, 0o644);
    // chronyd's lines belong to the node's clock, not to a detail of it.
    const tell = (line: string) => tree.raw(dn).write(`${line}\n`);
    start(
      "chrony",
      program({
        argv: [places.daemon, "-d", ...WITHOUT_ROOT, "-f", configuration],
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
      await writeFileAtomic(sources, chronySources(timeServers), 0o644);
      await reload(places.client, signal);
      raw.write(`Time servers are ${known === "" ? "those of the public pool" : known}\n`);
    }
  };
}

/** chronyd is not root, and wants its folders to be its own and nobody else's. */
function makeOwned(folder: string, id: number): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o750);
  chownSync(folder, id, id);
}

/** Makes a running chronyd read its servers again; it may have been started just now. */
async function reload(client: string, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await run([client, "-h", COMMAND_SOCKET, "-n", "reload", "sources"], {
        env: environment,
      });
      return;
    } catch (error) {
      if (!(error instanceof ExitError) || attempt === ATTEMPTS) throw error;
    }
    await sleep(RETRY_MS, signal);
  }
}
