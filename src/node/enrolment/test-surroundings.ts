// What a node works with while it enrols, for tests: a folder for its disk, and nothing that runs.
import { mkdirSync } from "node:fs";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import type { NodeRoles } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Member } from "../consensus/config.ts";
import { Control } from "../control/control.ts";
import { folderPartition } from "../host/folder-partition.ts";
import type { Lock } from "../recovery/recovery.ts";
import type { CuratorSettings } from "../roles/settings.ts";
import type { Credentials } from "../storage/credentials.ts";
import type { DataVolume } from "../storage/data.ts";
import type { Growing } from "../storage/growth.ts";
import { paths } from "../storage/paths.ts";
import { Vault } from "../storage/vault.ts";
import { Whereabouts } from "../whereabouts/whereabouts.ts";
import type { Surroundings } from "./attempt.ts";

/** Surroundings below a folder, without a TPM unless `given` has one. */
export function testSurroundings(root: string, given: Partial<Surroundings> = {}): Surroundings {
  const where = paths(root);
  for (const path of [where.esp.metropolis, where.esp.images]) mkdirSync(path, { recursive: true });
  const tree = new LogTree();
  return {
    paths: where,
    partition: folderPartition(where.data.root, `${where.data.root}.key-check`),
    vault: new Vault(undefined, where.ephemeral.keys),
    slot: "a",
    growing: new Control<Growing>(),
    mounted: new Value<DataVolume | null>(null),
    consensus: new Control<Member>(),
    curator: new Control<CuratorSettings>(),
    membership: new Value<Credentials>(),
    isOpen: new Value(false),
    isClockKept: new Value(true),
    roles: new Value<NodeRoles>(),
    lock: new Value<Lock>(),
    addresses: new Value<readonly string[]>([]),
    whereabouts: new Whereabouts(),
    etcdutl: "etcdutl",
    storageLog: tree.logger("root.storage"),
    log: tree.logger("root.enrolment"),
    signal: AbortSignal.timeout(5_000),
    ...given,
  };
}
