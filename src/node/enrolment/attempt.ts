// What bootstrap and join have in common: their surroundings, and the steps at
// their ends. An attempt that failed leaves nothing running and nothing mounted.
import { chown } from "node:fs/promises";
import type { Value } from "../../base/event/event.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { fingerprint } from "../../base/pki/verify.ts";
import { ETCD_PORTS, type Member } from "../consensus/config.ts";
import type { Owner } from "../consensus/pki.ts";
import type { Control } from "../control.ts";
import { type CuratorSettings, curatorSettings } from "../roles/settings.ts";
import type { Credentials } from "../storage/credentials.ts";
import { type DataVolume, releaseData } from "../storage/data.ts";
import type { Growing } from "../storage/growth.ts";
import { makeDataTree, type Paths } from "../storage/paths.ts";
import type { Ground } from "../storage/storage.ts";
import { markBootGood } from "./boot-mark.ts";
import type { Step } from "./machine.ts";
import { eraseParameters } from "./parameters.ts";

/** What enrolment works with; all of it lives longer than an attempt. */
export interface Surroundings {
  readonly paths: Paths;
  readonly ground: Ground;
  readonly growing: Control<Growing>;
  readonly consensus: Control<Member>;
  readonly curator: Control<CuratorSettings>;
  /** Set here, once the node is a member. */
  readonly membership: Value<Credentials>;
  readonly isOpen: Value<boolean>;
  /** What etcd runs as; absent: as ourselves. */
  readonly etcdOwner?: Owner;
  /** For what storage has to say. */
  readonly storageLog: Logger;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The work of each step of a flow. */
export type Steps = Partial<Record<Step, () => Promise<void>>>;

/** Ends and unmounts what an earlier attempt of this boot, or an earlier node agent, left. */
export async function release(all: Surroundings): Promise<void> {
  await all.curator.stop(all.signal);
  await all.consensus.stop(all.signal);
  await all.growing.stop(all.signal);
  await releaseData(all.paths.data.root);
}

/** Makes a mounted data partition ready for use, and lets it grow. */
export async function adoptData(all: Surroundings, volume: DataVolume): Promise<void> {
  const { data } = all.paths;
  makeDataTree(all.paths);
  if (all.etcdOwner !== undefined) {
    const { uid, gid } = all.etcdOwner;
    for (const path of [data.etcd, data.etcdData, data.etcdPeer.root]) await chown(path, uid, gid);
  }
  if (volume.growing !== undefined) all.growing.wanted.set(volume.growing);
}

/** The member of etcd that this node is. */
export function memberOf({ paths }: Surroundings, nodeId: string): Member {
  return { nodeId, data: paths.data, ports: ETCD_PORTS };
}

/** Starts etcd; `prepare` is done when it answers, before the curator is started. */
export async function startControlPlane(
  all: Surroundings,
  nodeId: string,
  prepare: (member: Member) => Promise<void> = async () => {},
): Promise<CuratorSettings> {
  const member = memberOf(all, nodeId);
  await all.consensus.start(member, all.signal);
  await prepare(member);
  const settings = curatorSettings(member, all.paths);
  await all.curator.start(settings, all.signal);
  return settings;
}

/** The steps after the commit point, the same in every flow. */
export function lastSteps(all: Surroundings, own: () => Credentials): Steps {
  const { paths, log, ground, membership, isOpen, signal } = all;
  return {
    open: async () => {
      membership.set(own());
      await isOpen.first(signal, (open) => open);
    },
    finish: async () => {
      await eraseParameters(paths.esp.parameters);
      if (await markBootGood(paths.esp.images, ground.disk.slot)) {
        log.info(`Slot ${ground.disk.slot.toUpperCase()} works and stays the one to boot`);
      }
      const { nodeId, ca } = own();
      log.info(`This node is ${nodeId}, the CA of its cluster ${fingerprint(ca)}`);
    },
  };
}
