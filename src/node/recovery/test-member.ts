// Locked members of a cluster for tests: real TLS on the loopback, each with its share
// of a recovery key that was split as the cluster splits it.
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import { generateKeyPair, type KeyPair } from "../../base/pki/keys.ts";
import { type BoxKeyPair, encryptTo, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { splitSecret } from "../../base/pki/shares.ts";
import { connect } from "../../base/rpc/rpc.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { FollowRecoveryResponseSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Recovery, RecoverySchema } from "../../gen/metropolis/proto/private/private_pb.ts";
import { freePort } from "../consensus/test-etcd.ts";
import { Whereabouts } from "../whereabouts/whereabouts.ts";
import type { Places } from "./gather.ts";
import { emptyLock, held, type Lock } from "./lock.ts";
import type { Meeting } from "./meet.ts";
import { recovery } from "./recovery.ts";
import { shareKeyPair, toHold } from "./stored-epochs.ts";

/** One machine, and what it would know when it is switched on. */
export interface TestMember {
  readonly id: string;
  readonly join: KeyPair;
  readonly port: number;
  readonly clusterUnlockKey: Uint8Array;
  readonly nodeUnlockKey: Uint8Array;
  readonly lock: Lock;
  /** What its recovery.pb says. */
  readonly content: Recovery;
}

/** Members that hold one epoch together; `threshold` of them open it. */
export async function testMembers(
  count: number,
  threshold: number,
  operator: BoxKeyPair = generateBoxKeyPair(),
): Promise<readonly TestMember[]> {
  const joins = Array.from({ length: count }, () => generateKeyPair());
  const key = generateBoxKeyPair();
  const shares = threshold === 0 ? [] : await splitSecret(key.privateKey, count, threshold);
  const id = (index: number) => `metropolis-${index}`;
  return Promise.all(
    joins.map(async (join, index) => {
      const clusterUnlockKey = crypto.getRandomValues(new Uint8Array(32));
      const nodeUnlockKey = crypto.getRandomValues(new Uint8Array(32));
      const peers = joins.map((each, i) => ({ nodeId: id(i), joinPublicKey: each.publicKey }));
      const share = shares[index];
      const epoch = {
        ...{ epoch: 4n, threshold, recoveryPublicKey: key.publicKey },
        ...(share && { share: await boxed(id(index), nodeUnlockKey, share) }),
        peers: peers.filter(({ nodeId }) => nodeId !== id(index)),
      };
      const { publicKey: operatorPublicKey } = operator;
      const told = create(FollowRecoveryResponseSchema, { epochs: [epoch], operatorPublicKey });
      const own = { nodeId: id(index), join, nodeUnlockKey, clusterCa: new Uint8Array() };
      const owner = { ...own, joinKey: join.publicKey };
      const content = await toHold(create(RecoverySchema), told, owner, clusterUnlockKey);
      const opens = async (key: Uint8Array) => constantTimeEqual(key, clusterUnlockKey);
      const lock = { ...emptyLock("/nowhere", own), opens, ...held(id(index), content) };
      const port = await freePort();
      return { id: id(index), join, port, clusterUnlockKey, nodeUnlockKey, lock, content };
    }),
  );
}

/** A share as the cluster tells it. */
export function boxed(
  nodeId: string,
  nodeUnlockKey: Uint8Array,
  share: Uint8Array,
): Promise<Uint8Array> {
  const content = { purpose: "recovery share", nodeId } as const;
  return encryptTo(shareKeyPair(nodeUnlockKey).publicKey, content, share);
}

/** A member that nobody looks for, as it has no address. */
export function testMeeting(lock: Lock, isReached: Value<boolean> = new Value(false)): Meeting {
  const around = { addresses: new Value<readonly string[]>([]), whereabouts: new Whereabouts() };
  return { lock: new Value(lock), isReached, ...around };
}

/** Switches a member on: it serves its share. */
export function serving(
  { lock, port }: TestMember,
  isReached: Value<boolean> = new Value(false),
): AsyncDisposable {
  return testSupervisor(recovery(testMeeting(lock, isReached), { host: "127.0.0.1", port }));
}

/** Where members are. */
export function placesOf(members: readonly TestMember[]): Places {
  return (nodeId) =>
    members.filter(({ id }) => id === nodeId).map(({ port }) => `127.0.0.1:${port}`);
}

/** A log that nobody reads, unless he asks for it. */
export function quietLog() {
  const tree = new LogTree();
  const text = () => JSON.stringify(tree.read({ dn: "root", backlog: "all" }).backlog);
  return { log: tree.logger("root"), text };
}

/** A connection to a member's recovery service. */
export function dial({ port }: TestMember, tls: { keyPem: string; certificatePem: string }) {
  return connect({ target: `127.0.0.1:${port}`, credentials: { ...tls, verify: () => {} } });
}
