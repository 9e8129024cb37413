// An etcd for tests whose members are a list in memory, which obey at once.
import type { Member, MemberStatus, Snapshot } from "../../base/etcd/etcd.ts";
import { type Issuer, issueCa } from "../../base/pki/certificate.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Consensus } from "./consensus.ts";

const keyPair = generateKeyPair();
const ca: Issuer = { keyPair, certificate: await issueCa(keyPair) };

/** Members by name; what is not given is that of a voter. */
export class SimulatedConsensus implements Consensus {
  members: readonly Member[];
  /** Learners that have not caught up yet. */
  readonly late = new Set<bigint>();

  /** The database of the first member. */
  database = { fileBytes: 0, usedBytes: 0, quotaBytes: 2 ** 31 };
  /** Members with the alarm of no space. */
  full: readonly bigint[] = [];

  constructor(members: readonly Partial<Member>[] = []) {
    this.members = members.map((given, index) => ({
      id: BigInt(index + 1),
      name: "",
      peerUrls: [],
      isLearner: false,
      ...given,
    }));
  }

  async list(): Promise<readonly Member[]> {
    return this.members;
  }

  async addLearner(peerUrls: readonly string[]): Promise<Member> {
    const id = BigInt(this.members.length + 100);
    const added = { id, name: "", peerUrls, isLearner: true };
    this.members = [...this.members, added];
    return added;
  }

  async promote(id: bigint): Promise<void> {
    if (this.late.has(id)) throw new RpcError(Code.failedPrecondition, "learner not in sync");
    this.members = this.members.map((one) => (one.id === id ? { ...one, isLearner: false } : one));
  }

  async remove(id: bigint): Promise<void> {
    this.members = this.members.filter((one) => one.id !== id);
  }

  async status(): Promise<MemberStatus> {
    const { fileBytes, usedBytes, quotaBytes } = this.database;
    return {
      ...{ memberId: this.members[0]?.id ?? 1n, version: "3.7.0", leader: 1n, raftTerm: 1n },
      ...{ raftAppliedIndex: 1n, isLearner: false },
      errors: this.full.map((id) => `memberID:${id} alarm:NOSPACE`),
      databaseBytes: BigInt(fileBytes),
      databaseBytesInUse: BigInt(usedBytes),
      databaseQuotaBytes: BigInt(quotaBytes),
    };
  }

  async fullMembers(): Promise<readonly bigint[]> {
    return this.full;
  }

  async endFullAlarm(id: bigint): Promise<void> {
    this.full = this.full.filter((each) => each !== id);
  }

  async defragment(): Promise<void> {
    this.database.fileBytes = this.database.usedBytes;
  }

  async snapshot(): Promise<Snapshot> {
    const state = new TextEncoder().encode("the whole state");
    const parts = async function* () {
      yield state;
    };
    return { bytes: state.length, parts: parts() };
  }

  async ca(): Promise<Issuer> {
    return ca;
  }
}
