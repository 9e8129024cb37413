// An etcd for tests whose members are a list in memory, which obey at once.
import type { Member, Snapshot } from "../../base/etcd/etcd.ts";
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
