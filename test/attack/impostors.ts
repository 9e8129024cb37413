// Members of a control plane on the loopback, each at an address of its own and at the port of
// the product, and somebody with a good certificate of the cluster who is none of them. What
// they say is up to the test; what they are sent is kept.
import { randomInt } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { issueCa, issueNode, validFor } from "../../src/base/pki/certificate.ts";
import { keyCheck } from "../../src/base/pki/key-check.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { generateBoxKeyPair } from "../../src/base/pki/sealed-box.ts";
import {
  authorizeByOption,
  Code,
  RpcError,
  type Server,
  serve,
  service,
} from "../../src/base/rpc/rpc.ts";
import {
  Curator,
  CuratorLocal,
} from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  type ClusterDirectory,
  ClusterDirectorySchema,
} from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { CURATOR_PORT } from "../../src/node/roles/settings.ts";
import type { Credentials } from "../../src/node/storage/credentials.ts";

const caKey = generateKeyPair();
/** The authority of the cluster. */
export const ca = { keyPair: caKey, certificate: await issueCa(caKey) };

/** A range of the loopback of this process alone. */
const net = `127.${randomInt(16, 250)}.${randomInt(1, 250)}`;
let last = 1;

/** An address of the loopback that nobody else uses. */
export function freshAddress(): string {
  return `${net}.${++last}`;
}

const recoveryPublicKey = generateBoxKeyPair().publicKey;

/** Who leads, by the word of somebody. */
export interface Claim {
  readonly id: string;
  readonly host: string;
}

/** Somebody with a certificate of the cluster, and what he has heard. */
export class Node implements AsyncDisposable {
  readonly key = generateKeyPair();
  readonly id = nodeId(this.key.publicKey);
  readonly tickets: Uint8Array[] = [];
  readonly unlockKeys: Uint8Array[] = [];
  /** Calls that are for the leader. */
  readonly asked: string[] = [];
  /** Whom it names, himself or somebody else; nobody: it knows none. */
  says: Claim | undefined;
  /** Serves the leader's calls. */
  isLeading = false;
  /** What it answers who asks it for the key of his disk. */
  joins: () => Uint8Array = () => {
    throw new RpcError(Code.notFound, "no node has this join key");
  };
  /** The key that the disks of all nodes shall open with. */
  nextKey: Uint8Array = new Uint8Array();
  /** Whom it tells to be the members of etcd. */
  consensusMembers: readonly string[] = [];
  host = "";
  #server: Server | undefined;

  /** What it proves itself with. */
  async credentials(): Promise<Credentials> {
    const certificate = await issueNode(ca, this.key.publicKey, validFor(1));
    return { keyPair: this.key, nodeId: this.id, certificate, ca: ca.certificate };
  }

  /** Answers at an address, which may be another one's. */
  async listen(host = freshAddress()): Promise<this> {
    this.host = host;
    const { certificate } = await this.credentials();
    this.#server = await serve({
      services: [
        service(CuratorLocal, {
          getCurrentLeader: (_, { signal }) => this.#leader(signal),
          getConsensusMembers: async () => ({ nodeIds: [...this.consensusMembers] }),
        }),
        service(Curator, this.#curator()),
      ],
      authorize: authorizeByOption(() => ca.certificate),
      listen: { host, port: CURATOR_PORT },
      tls: { keyPem: privateKeyPem(this.key), certificatePem: certificatePem(certificate) },
    });
    return this;
  }

  async *#leader(signal: AbortSignal) {
    const { says } = this;
    if (says === undefined) throw new RpcError(Code.unavailable, "the leader is not known");
    yield {
      leaderNodeId: says.id,
      leaderHost: says.host,
      leaderPort: CURATOR_PORT,
      thisNodeId: this.id,
    };
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  #curator() {
    const lead = (call: string) => {
      if (!this.isLeading) throw new RpcError(Code.unimplemented, "it does not lead");
      this.asked.push(call);
    };
    return {
      registerNode: async ({ registerTicket }: { registerTicket: Uint8Array }) => {
        lead("registerNode");
        this.tickets.push(registerTicket);
        return { recommendedNodeStorageSecurity: 3, tpmUsage: 1 };
      },
      commitNode: async ({ clusterUnlockKey }: { clusterUnlockKey: Uint8Array }) => {
        lead("commitNode");
        this.unlockKeys.push(clusterUnlockKey);
        throw new RpcError(Code.permissionDenied, "not approved yet");
      },
      joinNode: async () => {
        lead("joinNode");
        return { clusterUnlockKey: this.joins() };
      },
      followUnlockKey: (requests: AsyncIterable<{ readonly check: Uint8Array }>) => {
        lead("followUnlockKey");
        return tellKey(requests, this.nextKey);
      },
      getConsensusStatus: async () => {
        lead("getConsensusStatus");
        return { etcdMember: [] };
      },
      followRecovery: async function* () {
        lead("followRecovery");
        // For the operator alone: then members hold no shares, and this one loses its own.
        yield { epochs: [{ epoch: 99n, threshold: 0, recoveryPublicKey }] };
      },
    };
  }

  async stop(): Promise<void> {
    await this.#server?.close(0);
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** As a leader tells a node another key, and takes it for the only one once the disk opens with it. */
async function* tellKey(
  requests: AsyncIterable<{ readonly check: Uint8Array }>,
  nextClusterUnlockKey: Uint8Array,
) {
  for await (const { check } of requests) {
    const isTaken = Buffer.compare(check, keyCheck(nextClusterUnlockKey)) === 0;
    yield isTaken ? { check } : { check, nextClusterUnlockKey };
  }
}

/** Three members of which the first leads, and all say so. */
export async function threeMembers(): Promise<readonly [Node, Node, Node]> {
  const make = () => new Node().listen();
  const all = [await make(), await make(), await make()] as const;
  const [leader] = all;
  leader.isLeading = true;
  for (const member of all) member.says = { id: leader.id, host: leader.host };
  return all;
}

/** A directory that names members. */
export function directoryOf(...members: readonly Claim[]): ClusterDirectory {
  return create(ClusterDirectorySchema, {
    nodes: members.map(({ id, host }) => ({
      ...{ id, addresses: [{ host }] },
      consensusMember: true,
    })),
  });
}
