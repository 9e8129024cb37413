// The steps of a restore: the machine becomes the first node of a cluster that a backup
// is of. All is as in a bootstrap, but for the state that consensus begins with.
import { chown, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../base/process/process.ts";
import type { NodeParameters_ClusterBootstrap } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import { CLUSTER_TOKEN, peerUrl } from "../consensus/config.ts";
import { RECOVERY_PORT, receiveBackup } from "../recovery/recovery.ts";
import { memberOf, type Steps, type Surroundings } from "./attempt.ts";
import { firstNodeSteps } from "./bootstrap.ts";

/** The steps, for one attempt. */
export function restoreSteps(
  all: Surroundings,
  parameters: NodeParameters_ClusterBootstrap,
): Steps {
  const { steps, current } = firstNodeSteps(all, parameters);
  return {
    ...steps,
    backup: async () => {
      const { ring, id, plan } = current();
      const file = join(all.paths.data.etcd, "backup.db");
      all.log.info(`Waiting for a backup: metroctl cluster restore <address of this node> <file>`);
      await receiveBackup(
        {
          file,
          key: ring.node,
          ownerPublicKey: plan.ownerPublicKey,
          ownershipSecret: plan.ownershipSecret,
          caFingerprint: plan.restoreCa,
          takeIn: () => takeIn(all, id, file),
          ...{ log: all.log, signal: all.signal },
        },
        all.recoveryListen ?? { host: "::", port: RECOVERY_PORT },
      );
      await rm(file, { force: true });
    },
  };
}

/** Makes etcd's data of a snapshot. Throws an ExitError, and leaves nothing, where it is damaged. */
async function takeIn(all: Surroundings, id: string, file: string): Promise<void> {
  const member = memberOf(all, id);
  const { etcdData } = all.paths.data;
  await rm(etcdData, { recursive: true, force: true });
  // etcdutl is etcd's user, so that what it makes is etcd's.
  if (all.etcdOwner !== undefined) await chown(file, all.etcdOwner.uid, all.etcdOwner.gid);
  await run([
    all.etcdutl,
    ...["snapshot", "restore", file],
    `--data-dir=${etcdData}`,
    `--name=${id}`,
    `--initial-cluster=${id}=${peerUrl(member)}`,
    `--initial-cluster-token=${CLUSTER_TOKEN}`,
    `--initial-advertise-peer-urls=${peerUrl(member)}`,
  ]);
}
