// The node's clock: chrony, told of the time servers that DHCP names, or of a
// public pool where it names none. Certificates depend on it: see clock-watch.ts
// for how far it is moved, and when.
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { sleep, type Value } from "../../base/event/event.ts";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { ExitError, program, run } from "../../base/process/process.ts";
import type { Context, Runnable } from "../../base/supervisor/supervisor.ts";
import { accounts } from "../../image/image.ts";
import { Control, whileWanted } from "../control/control.ts";
import {
  COMMAND_SOCKET,
  chronyConfiguration,
  chronySources,
  RUN_FOLDER,
  SOURCES_FOLDER,
} from "./chrony.ts";
import { refusedChange } from "./chrony-words.ts";
import {
  type ChronySettings,
  ClockWatch,
  type ClockWatchOptions,
  type SystemClock,
  systemClock,
} from "./clock-watch.ts";

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

/** What the clock needs of the rest of the node, and tells it. */
export interface TimeNews
  extends Pick<ClockWatchOptions, "membership" | "isClockKept" | "troubles"> {
  readonly network: Value<TimeServers>;
  /** Set when the ESP is mounted: there lies when the clock was last believed. */
  readonly storage: { readonly ground: Value<unknown> };
}

/** Keeps the clock: runs chrony, tells it of the servers that the network names, and watches. */
export function time(
  news: TimeNews,
  esp: ClockWatchOptions["esp"],
  places: ChronyPlaces = machine,
  clock: SystemClock = systemClock,
): Runnable {
  return async (context) => {
    const { run: start, healthy, signal, raw, tree, dn, log } = context;
    await news.storage.ground.first(signal);
    for (const folder of [places.run, places.state]) makeOwned(folder, places.ownerId);
    mkdirSync(places.sources, { recursive: true });
    const { network, ...rest } = news;
    await writeFileAtomic(sourcesFile(places), sourcesOf(network.current), 0o644);
    const chrony = new Control<ChronySettings>();
    const watch = new ClockWatch({ ...rest, clock, esp, chrony, log });
    // chronyd's lines belong to the node's clock, not to a detail of it.
    const tell = (line: string) => {
      tree.raw(dn).write(`${line}\n`);
      const seconds = refusedChange(line);
      if (seconds !== undefined) watch.refuse(seconds);
    };
    start("chrony", whileWanted(chrony, chronyd(places, tell)));
    start("clock", async (part) => {
      part.healthy();
      await watch.run(part.signal);
    });
    healthy();
    let known = network.current?.timeServers.join(" ") ?? "";
    for await (const status of network.watch(signal)) {
      if (status.timeServers.join(" ") === known) continue;
      known = status.timeServers.join(" ");
      await writeFileAtomic(sourcesFile(places), sourcesOf(status), 0o644);
      await reload(places.client, signal);
      raw.write(`Time servers are ${known === "" ? "those of the public pool" : known}\n`);
    }
  };
}

/** chronyd, as it is wanted at the moment. */
function chronyd(places: ChronyPlaces, tell: (line: string) => void) {
  const configuration = join(places.run, "chrony.conf");
  const running = program({
    argv: [places.daemon, "-d", ...WITHOUT_ROOT, "-f", configuration],
    env: environment,
    onStderr: tell,
    onStdout: tell,
  });
  return async ({ canBeRight }: ChronySettings, context: Context): Promise<void> => {
    await writeFileAtomic(configuration, chronyConfiguration(canBeRight), 0o644);
    await running(context);
  };
}

function sourcesFile({ sources }: ChronyPlaces): string {
  return join(sources, "dhcp.sources");
}

function sourcesOf(status: TimeServers | undefined): string {
  return chronySources(status?.timeServers ?? []);
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
