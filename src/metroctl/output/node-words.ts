// What nodes are like, in the words that people read.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { shortFingerprint } from "../../base/pki/node-id.ts";
import { ConsensusStatus, type Node } from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  type Hardware,
  NodeState,
  NodeTPMUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Version } from "../../gen/version/spec/spec_pb.ts";
import { printable } from "./printable.ts";
import { utcText } from "./time-words.ts";

/** Durations above this are the cluster's way to say that it heard nothing. */
const NEVER_SECONDS = 1_000_000_000n;

const tpmWords: Readonly<Record<NodeTPMUsage, string>> = {
  [NodeTPMUsage.NODE_TPM_USAGE_INVALID]: "unk",
  [NodeTPMUsage.NODE_TPM_USAGE_NOT_PRESENT]: "no",
  [NodeTPMUsage.NODE_TPM_USAGE_PRESENT_BUT_UNUSED]: "unused",
  [NodeTPMUsage.NODE_TPM_USAGE_PRESENT_AND_USED]: "yes",
};

const consensusWords: Readonly<Record<ConsensusStatus, string>> = {
  [ConsensusStatus.NONE]: "",
  [ConsensusStatus.JOINING]: "joining",
  [ConsensusStatus.LEARNER]: "learner",
  [ConsensusStatus.VOTER]: "voter",
  [ConsensusStatus.FAILING]: "failing",
};

/** The state without the prefix of the enumeration: `UP`. */
export function stateWord({ state }: Node): string {
  return (NodeState[state] ?? "unknown").replace("NODE_STATE_", "");
}

/** The original's words: yes, unused, no, or unk. */
export function tpmWord({ tpmUsage }: Node): string {
  return tpmWords[tpmUsage] ?? "unk";
}

/** How far a consensus member has come; nothing for any other node. */
export function consensusWord({ consensusStatus }: Node): string {
  return consensusWords[consensusStatus] ?? "unknown";
}

/** The roles in the order of their names. */
export function roleNames({ roles }: Node): readonly string[] {
  return [
    roles?.consensusMember && "ConsensusMember",
    roles?.kubernetesController && "KubernetesController",
    roles?.kubernetesWorker && "KubernetesWorker",
  ].filter((name) => name !== undefined);
}

/** Whole seconds since the last heartbeat, or `never`. */
export function heartbeatWord({ timeSinceHeartbeat }: Node): string {
  const seconds = timeSinceHeartbeat?.seconds ?? 0n;
  return seconds > NEVER_SECONDS ? "never" : `${seconds}s`;
}

/** `1.2.3.gabcdef01`; nothing for a node that told no version. */
export function versionText(version: Version | undefined): string | undefined {
  const release = version?.release;
  if (release === undefined) return undefined;
  const commit = printable(version?.gitInformation?.commitHash.slice(0, 8) ?? "");
  const number = [release.major, release.minor, release.patch].join(".");
  return commit === "" ? number : `${number}.g${commit}`;
}

/** Vendor, model and serial number, as far as the machine says them. */
export function hardwareText(hardware: Hardware | undefined): string {
  const { vendor = "", model = "", serial = "" } = hardware ?? {};
  const name = [vendor, model].filter((part) => part !== "").join(" ");
  const parts = [name, serial === "" ? "" : `serial ${serial}`].filter((part) => part !== "");
  return printable(parts.join(", "));
}

/**
 * The fingerprint to compare with the console of the machine. Made of the key here,
 * so that it is right whoever answered.
 */
export function fingerprintOf({ pubkey }: Node): string {
  return pubkey.length === 0 ? "" : shortFingerprint(pubkey);
}

/** `YYYY-MM-DD hh:mm:ss UTC`. */
export function timeText(time: Timestamp | undefined): string {
  return time === undefined ? "" : utcText(new Date(Number(time.seconds) * 1000));
}
