// What bootstrap and join have in common: their surroundings, and the steps at
// their ends. An attempt that failed leaves nothing running and nothing mounted.
import { chown, readFile } from "node:fs/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { eraseFile, writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { errorText, type Logger } from "../../base/logtree/logtree.ts";
import { fingerprint } from "../../base/pki/verify.ts";
import type { NodeRoles } from "../../gen/metropolis/proto/common/common_pb.ts";
import { CommitmentSchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import type { Slot } from "../../image/image.ts";
import { ETCD_PORTS, type EtcdPorts, type Member } from "../consensus/config.ts";
import type { Owner } from "../consensus/pki.ts";
import { type Control, untilFirst } from "../control/control.ts";
import { emptyLock, type Lock, type OwnKeys } from "../recovery/recovery.ts";
import { type CuratorSettings, curatorSettings } from "../roles/settings.ts";
import { isMember } from "../roles/while-role.ts";
import type { Credentials } from "../storage/credentials.ts";
import type { DataPartition, DataVolume } from "../storage/data.ts";
import type { Growing } from "../storage/growth.ts";
import { makeDataTree, type Paths } from "../storage/paths.ts";
import type { Vault } from "../storage/vault.ts";
import type { Whereabouts } from "../whereabouts/whereabouts.ts";
import { markBootGood } from "./boot-mark.ts";
import { EnrolmentError } from "./enrolment-error.ts";
import type { Step } from "./machine.ts";

/** What enrolment works with; all of it lives longer than an attempt. */
export interface Surroundings {
  readonly paths: Paths;
  readonly partition: DataPartition;
  /** The keys on the ESP, and the TPM before them. */
  readonly vault: Vault;
  /** The slot that runs. */
  readonly slot: Slot;
  readonly growing: Control<Growing>;
  /** Set here while the data partition is in use. */
  readonly mounted: Value<DataVolume | null>;
  readonly consensus: Control<Member>;
  readonly curator: Control<CuratorSettings>;
  /** Set here, once the node is a member. */
  readonly membership: Value<Credentials>;
  readonly isOpen: Value<boolean>;
  /** Set here to what this node serves while it does not reach its cluster. */
  readonly lock: Value<Lock>;
  /** The addresses of this node, best first. */
  readonly addresses: Value<readonly string[]>;
  /** Where other nodes may be. */
  readonly whereabouts: Whereabouts;
  /** Set here to what was heard last, then followed by others. */
  readonly roles: Value<NodeRoles>;
  /** Absent: those of a machine. Tests have their own. */
  readonly etcdPorts?: EtcdPorts;
  readonly curatorPort?: number;
  /** The path of etcdutl, which makes etcd's data of a backup. */
  readonly etcdutl: string;
  /** Where a backup is waited for; absent: port 7847. */
  readonly recoveryListen?: { readonly host: string; readonly port: number };
  /** Whether time servers keep the clock. */
  readonly isClockKept: Value<boolean>;
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
  all.mounted.set(null);
  await all.partition.release();
}

/** Makes a mounted data partition ready for use. */
export async function prepareData(all: Surroundings): Promise<void> {
  const { data } = all.paths;
  makeDataTree(all.paths);
  if (all.etcdOwner !== undefined) {
    const { uid, gid } = all.etcdOwner;
    for (const path of [data.etcd, data.etcdData, data.etcdPeer.root]) await chown(path, uid, gid);
  }
}

/** The member of etcd that this node is. */
export function memberOf({ paths, etcdPorts = ETCD_PORTS }: Surroundings, nodeId: string): Member {
  return { nodeId, data: paths.data, ports: etcdPorts, socket: paths.ephemeral.etcdSocket };
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
  const settings = curatorSettings(member, all.paths, all.curatorPort);
  await all.curator.start(settings, all.signal);
  return settings;
}

/** Something that an earlier step must have left; its absence is a bug in the machine. */
export function left<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TypeError(`enrolment: ${what} is not there yet`);
  return value;
}

/** What the steps before have found or made. */
export interface Outcome {
  readonly credentials: Credentials;
  readonly volume: DataVolume;
}

/** A node that works goes on working even where its ESP cannot be written. */
async function keepSlot({ paths, slot, log }: Surroundings): Promise<void> {
  try {
    if (!(await markBootGood(paths.esp.images, slot))) return;
    log.info(`Slot ${slot.toUpperCase()} works and stays the one to boot`);
  } catch (error) {
    log.error(`Slot ${slot.toUpperCase()} works, but that cannot be kept: ${errorText(error)}`);
  }
}

/** The lock of a node that was never locked: it has made its keys just now. */
export function openLock(
  { paths }: Surroundings,
  own: OwnKeys,
  clusterUnlockKey: Uint8Array,
): Lock {
  return emptyLock(paths.esp.recovery, own, new Value(clusterUnlockKey));
}

/** What the step `shut` does, in every flow. */
export function shutStep({ vault }: Surroundings): Pick<Steps, "shut"> {
  return { shut: () => vault.shut() };
}

/** Notes on the data partition how this node became a member; see {@link checkCommitment}. */
export async function writeCommitment({ paths }: Surroundings, isSealed: boolean): Promise<void> {
  const message = create(CommitmentSchema, { isSealed });
  await writeFileAtomic(paths.data.commitment, toBinary(CommitmentSchema, message));
}

/**
 * Throws an {@link EnrolmentError} where the cluster counts on the TPM of the node that this data
 * partition is of, and the configuration that opened it lay in the open.
 */
export async function checkCommitment(paths: Paths, isSealed: boolean): Promise<void> {
  const bytes = await readFile(paths.data.commitment).catch(() => undefined);
  if (bytes === undefined) {
    throw new EnrolmentError("the disk was written by an earlier release", INSTALL_AGAIN);
  }
  if (isSealed || !fromBinary(CommitmentSchema, bytes).isSealed) return;
  throw new EnrolmentError(
    "the configuration is not sealed, although this node has sealed it",
    `Put back the disk's own ESP. ${INSTALL_AGAIN}`,
  );
}

const INSTALL_AGAIN = "If that is not possible, install the node again";

/** The last steps, the same in every flow; `knownRoles` are those that the node begins with. */
export function lastSteps(
  all: Surroundings,
  knownRoles: () => NodeRoles,
  outcome: () => Outcome,
): Steps {
  const { paths, log, growing, mounted, membership, isOpen, roles, signal } = all;
  return {
    clean: async () => {
      await eraseFile(paths.esp.parameters);
      await eraseFile(paths.esp.registration);
    },
    open: async () => {
      roles.set(knownRoles());
      mounted.set(outcome().volume);
      membership.set(outcome().credentials);
      if (roles.current?.consensusMember === undefined) return;
      // It may have lost the role while it was off.
      await untilFirst(signal, [
        async (ended) => void (await isOpen.first(ended, (open) => open)),
        async (ended) => void (await roles.first(ended, (next) => !isMember(next))),
      ]);
    },
    finish: async () => {
      await keepSlot(all);
      const { credentials, volume } = outcome();
      // Only now, so that the operator does not wait for half a disk.
      if (volume.growing !== undefined) growing.wanted.set(volume.growing);
      const { nodeId, ca } = credentials;
      log.info(`This node is ${nodeId}, the CA of its cluster ${fingerprint(ca)}`);
    },
  };
}
