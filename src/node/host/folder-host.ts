// A folder that stands for a machine: the node is a plain process in a network
// namespace of its own, made by the launcher. What a machine forgets when it is
// switched off lies below the folder too, and is removed at every start.
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import packageJson from "../../../package.json";
import type { Value } from "../../base/event/event.ts";
import { getLimit, setLimit } from "../../base/linux/rlimit.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { confineStarts } from "../../base/process/process.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { FAST_ELECTION_MS } from "../consensus/config.ts";
import { consoles } from "../console/console.ts";
import { type Paths, paths } from "../storage/paths.ts";
import type { StorageNews } from "../storage/storage.ts";
import { Vault } from "../storage/vault.ts";
import { confineHere, confinerHere, partsHere } from "./folder-confined.ts";
import { folderPartition } from "./folder-partition.ts";
import type { Host } from "./host.ts";
import { namespaceNetwork } from "./namespace-network.ts";
import type { Place } from "./place.ts";
import { parseVersion } from "./version.ts";

/** What a person in front of the machine would see, in the folder. */
const CONSOLE = "console.log";

/** The host below a folder. */
export function folderHost({ folder, programs }: Place): Host {
  const where = paths(folder);
  return {
    paths: where,
    version: parseVersion(`VERSION_ID=${packageJson.version}`),
    bootId: crypto.randomUUID(),
    // The kernels of workstations may lack WireGuard, and users the right to use it.
    hasMesh: false,
    etcd: { path: join(programs, "etcd"), electionMs: FAST_ELECTION_MS },
    etcdutl: join(programs, "etcdutl"),
    curator: {},
    prepare: () => prepare(where),
    confine: (log) => confine({ folder, programs }, log),
    parts: (news) => ({
      time: hostTime(news.isClockKept),
      console: consoles([CONSOLE], folder),
      network: namespaceNetwork(news.network),
      storage: folderStorage(news.storage, where),
    }),
    release: async () => {},
  };
}

/** Makes the folders that init and the installer make on a machine. */
function prepare({ esp, data, ephemeral }: Paths): void {
  const { hard } = getLimit("openFiles");
  setLimit("openFiles", { soft: hard, hard });
  const sockets = [ephemeral.curatorSocket, ephemeral.etcdSocket].map((path) => dirname(path));
  for (const path of [ephemeral.root, ...sockets]) rmSync(path, { recursive: true, force: true });
  const names = dirname(ephemeral.hosts);
  const folders = [esp.images, esp.metropolis, data.root, ephemeral.root, names, ...sockets];
  for (const path of folders) mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Starts programs as the table of them says, as far as that works here. */
async function confine(place: Place, log: Logger): Promise<void> {
  const confiner = confinerHere(place);
  const parts = await partsHere(confiner, place.folder);
  if (parts === undefined) {
    return log.warning(`Programs run as we do: ${confiner.setpriv} cannot confine them here`);
  }
  confineStarts(confineHere(confiner, place.folder, parts));
  const { hasFilters, hasViews } = parts;
  const words = [hasFilters ? "filters" : "no filters", hasViews ? "views" : "no views"];
  log.info(`Programs have no accounts here, no capabilities, ${words.join(", ")}`);
}

/** The clock is the host's. */
function hostTime(isClockKept: Value<boolean>): Runnable {
  return async ({ healthy, done }) => {
    isClockKept.set(true);
    healthy();
    done();
  };
}

function folderStorage(news: StorageNews, { data, ephemeral }: Paths): Runnable {
  return async ({ log, healthy, done }) => {
    log.info(`The folder ${dirname(data.root)} stands for disk and ESP, and there is no TPM`);
    const partition = folderPartition(data.root, `${data.root}.key-check`);
    news.ground.set({ partition, slot: "a", vault: new Vault(undefined, ephemeral.keys) });
    healthy();
    done();
  };
}
