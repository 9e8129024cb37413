// The members of an etcd cluster, and the maintenance of one of them.
import {
  AlarmRequest_AlarmAction as Action,
  AlarmType,
  Cluster,
  Maintenance,
  type SnapshotResponse,
  type Member as WireMember,
} from "../../gen/etcd/rpc_pb.ts";
import type { CallOptions, Channel } from "../rpc/rpc.ts";

/** One member. */
export interface Member {
  readonly id: bigint;
  /** Empty until it started for the first time. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Has no vote yet. */
  readonly isLearner: boolean;
}

/** How the member we are connected to is. */
export interface MemberStatus {
  readonly memberId: bigint;
  readonly version: string;
  /** Member ID of the raft leader; 0: none. */
  readonly leader: bigint;
  /** Bytes of the database file, and of them in use. */
  readonly databaseBytes: bigint;
  readonly databaseBytesInUse: bigint;
  /** What the file may have before the member raises the alarm of no space. */
  readonly databaseQuotaBytes: bigint;
  readonly raftTerm: bigint;
  readonly raftAppliedIndex: bigint;
  readonly isLearner: boolean;
  readonly errors: readonly string[];
}

/** What can be done with members. */
export interface Members {
  list(): Promise<readonly Member[]>;
  /** Adds a member that has yet to start, without a vote. */
  addLearner(peerUrls: readonly string[]): Promise<Member>;
  /** Gives a learner its vote; failedPrecondition until it has caught up. */
  promote(id: bigint): Promise<void>;
  remove(id: bigint): Promise<void>;
  updatePeerUrls(id: bigint, peerUrls: readonly string[]): Promise<void>;
  status(): Promise<MemberStatus>;
  /** The whole database, as a file that etcdutl reads. Its parts must be read, or the signal abort. */
  snapshot(signal?: AbortSignal): Promise<Snapshot>;
  /** Member IDs that have raised the alarm of no space: while there is one, none of all writes. */
  fullMembers(): Promise<readonly bigint[]>;
  /** Ends the alarm of one member. If there is no space, its next write raises it again. */
  endFullAlarm(id: bigint): Promise<void>;
  /** Gives freed space back; the member stands still meanwhile. */
  defragment(): Promise<void>;
  /** Hands raft leadership over; only its holder can. */
  moveLeader(to: bigint): Promise<void>;
}

/** A file whose size is known before it comes. */
export interface Snapshot {
  readonly bytes: number;
  readonly parts: AsyncIterable<Uint8Array>;
}

/** The hash of the rest, with which etcd ends a snapshot; it does not count it as remaining. */
const HASH_BYTES = 32;

/** Changes of membership wait for a quorum to agree. */
const options: CallOptions = { timeoutMs: 10_000 };

/** The whole file is rewritten. */
const DEFRAGMENT_TIMEOUT_MS = 120_000;

/** The members that a connection leads to. */
export function etcdMembers(channel: Channel): Members {
  const cluster = channel.client(Cluster);
  const maintenance = channel.client(Maintenance);
  return {
    list: async () => {
      const { members } = await cluster.memberList({ linearizable: true }, options);
      return members.map(member);
    },
    addLearner: async (peerUrls) => {
      const request = { peerUrls: [...peerUrls], isLearner: true };
      const added = await cluster.memberAdd(request, options);
      return member(added.member ?? emptyMember);
    },
    promote: async (id) => void (await cluster.memberPromote({ id }, options)),
    remove: async (id) => void (await cluster.memberRemove({ id }, options)),
    updatePeerUrls: async (id, peerUrls) =>
      void (await cluster.memberUpdate({ id, peerUrls: [...peerUrls] }, options)),
    status: async () => {
      const { header, dbSize, dbSizeInUse, dbSizeQuota, ...rest } = await maintenance.status(
        {},
        options,
      );
      return {
        ...rest,
        memberId: header?.memberId ?? 0n,
        databaseBytes: dbSize,
        databaseBytesInUse: dbSizeInUse,
        databaseQuotaBytes: dbSizeQuota,
      };
    },
    fullMembers: async () => {
      const { alarms } = await maintenance.alarm({ action: Action.GET }, options);
      return alarms
        .filter(({ alarm }) => alarm === AlarmType.NOSPACE)
        .map(({ memberId }) => memberId);
    },
    endFullAlarm: async (memberId) => {
      const request = { action: Action.DEACTIVATE, memberId, alarm: AlarmType.NOSPACE };
      await maintenance.alarm(request, options);
    },
    snapshot: async (signal) => {
      const answers = maintenance.snapshot({}, { signal })[Symbol.asyncIterator]();
      const { value: first } = await answers.next();
      const bytes = (first?.blob.length ?? 0) + Number(first?.remainingBytes ?? 0) + HASH_BYTES;
      return { bytes, parts: blobs(first, answers) };
    },
    defragment: async () =>
      void (await maintenance.defragment({}, { timeoutMs: DEFRAGMENT_TIMEOUT_MS })),
    moveLeader: async (targetId) => void (await maintenance.moveLeader({ targetId }, options)),
  };
}

async function* blobs(
  first: SnapshotResponse | undefined,
  others: AsyncIterator<SnapshotResponse>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; next !== undefined; ) {
      yield next.blob;
      const { done, value } = await others.next();
      next = done === true ? undefined : value;
    }
  } finally {
    await others.return?.();
  }
}

const emptyMember = { id: 0n, name: "", peerUrls: [], isLearner: true };

type Described = Pick<WireMember, "id" | "name" | "peerUrls" | "isLearner">;

function member({ id, name, peerUrls, isLearner }: Described): Member {
  return { id, name, peerUrls, isLearner };
}
