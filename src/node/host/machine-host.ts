// A machine of our own: the node image runs, init has started us, and nobody else is here.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { bootId } from "../../base/linux/machine.ts";
import { setLimit } from "../../base/linux/rlimit.ts";
import { confineStarts } from "../../base/process/process.ts";
import { accountOf } from "../../image/image.ts";
import { FAST_ELECTION_MS } from "../consensus/config.ts";
import { consoles } from "../console/console.ts";
import { network } from "../network/network.ts";
import { releaseData } from "../storage/data.ts";
import { paths } from "../storage/paths.ts";
import { storage } from "../storage/storage.ts";
import { time } from "../time/time.ts";
import { confineByTable } from "./confined.ts";
import type { Host } from "./host.ts";
import { kernelLog } from "./kernel.ts";
import { ports } from "./ports.ts";
import { makeRunFolders } from "./run-folders.ts";
import { usage } from "./usage.ts";
import { runningVersion } from "./version.ts";

const ETCD_PATH = "/usr/bin/etcd";

/** Where init has put us; what we start lives beside us, so that it ends with us. */
const CGROUPS = "/sys/fs/cgroup/metropolis";

/** etcd and thousands of connections need more than the usual 1024. */
const OPEN_FILES = 1_048_576n;

/** The machine that we run on. */
export function machineHost(): Host {
  const where = paths("/", { curatorGroup: accountOf("curator").gid });
  return {
    paths: where,
    version: runningVersion(),
    bootId: bootId(),
    hasMesh: true,
    etcd: {
      path: ETCD_PATH,
      owner: accountOf("etcd"),
      cgroup: `${CGROUPS}/consensus`,
      electionMs: FAST_ELECTION_MS,
    },
    etcdutl: "/usr/bin/etcdutl",
    curator: { cgroup: `${CGROUPS}/curator` },
    prepare: () => {
      setLimit("openFiles", { soft: OPEN_FILES, hard: OPEN_FILES });
      mkdirSync(dirname(where.ephemeral.hosts), { recursive: true, mode: 0o755 });
      makeRunFolders();
    },
    confine: async () => confineStarts(confineByTable()),
    parts: (news) => ({
      console: consoles(),
      kernel: kernelLog(),
      network: network(news.network),
      time: time(news, where.esp),
      storage: storage(news.storage, where, news.troubles),
      ports: ports(),
      usage: usage(),
    }),
    release: () => releaseData(where.data.root),
  };
}
