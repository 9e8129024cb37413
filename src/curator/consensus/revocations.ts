// Who was a member of etcd and is none any more: the certificates of such nodes are still in
// date, and would open the port at which members reach each other.
//
//   certified ──► serials in the record of the node ──► on the list once it is no member
import { create } from "@bufbuild/protobuf";
import { timestampDate, timestampNow } from "@bufbuild/protobuf/wkt";
import { issueRevocationList } from "../../base/pki/revocation-list.ts";
import {
  type ConsensusRevocations,
  ConsensusRevocations_EntrySchema as EntrySchema,
} from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { memberOn } from "../state/consensus.ts";
import type { Leader } from "../state/leader.ts";
import type { RecordChange } from "../state/leader-record.ts";
import { changeNode } from "../state/nodes.ts";

/** Certificates of etcd and the curator on a node, and of those that they are about to replace. */
const KEPT_SERIALS = 4;

/** The present list, in DER. */
export async function revocationList(
  { consensus }: Leader,
  { entries }: Readonly<ConsensusRevocations>,
): Promise<Uint8Array> {
  const revocations = entries.map(({ serial, time }) => ({
    serial,
    time: time === undefined ? new Date(0) : timestampDate(time),
  }));
  return issueRevocationList(await consensus.ca(), revocations);
}

/** Revokes certificates together with what `commit` writes, in one transaction. */
export async function revoke(
  { revocations }: Leader,
  serials: readonly Uint8Array[],
  commit: (change: RecordChange) => Promise<void>,
): Promise<void> {
  if (serials.length === 0) return commit({ writes: [], compares: [] });
  const time = timestampNow();
  await revocations.change((record) => {
    record.entries.push(...serials.map((serial) => create(EntrySchema, { serial, time })));
    return record;
  }, commit);
}

/**
 * Notes what a node was certified with, before it is told. Hold the lock of consensus.
 * Certificates that were replaced long ago are revoked.
 */
export async function noteSerials(
  leader: Leader,
  id: string,
  serials: readonly Uint8Array[],
): Promise<void> {
  const all = [...(leader.nodes.get(id)?.node.consensusSerials ?? []), ...serials];
  const fields = { consensusSerials: all.slice(-KEPT_SERIALS), heldConsensus: true };
  await revoke(leader, all.slice(0, -KEPT_SERIALS), (change) =>
    changeNode(leader, id, () => ({ fields, ...change })),
  );
}

/** Revokes the certificates of nodes that gave the role back and are no members any more. */
export async function reconcileRevocations(leader: Leader): Promise<void> {
  // After a write without an answer this finds out, and tells those who follow.
  await leader.revocations.current();
  const certified = leader.nodes.list().filter(({ node }) => node.consensusSerials.length > 0);
  const left = certified.filter(({ node }) => node.roles?.consensusMember === undefined);
  if (left.length === 0) return;
  const members = await leader.consensus.list();
  for (const { id, node } of left.filter((each) => memberOn(members, each.id) === undefined)) {
    const fields = { consensusSerials: [] };
    await revoke(leader, node.consensusSerials, (change) =>
      changeNode(leader, id, () => ({ fields, ...change })),
    );
  }
}
