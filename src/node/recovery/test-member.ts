// Locked members of a cluster for tests: real TLS on the loopback, each with its share
// of a recovery key that was split as the cluster splits it.
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { generateKeyPair, type KeyPair } from "../../base/pki/keys.ts";
import { operatorBox } from "../../base/pki/operator-box.ts";
import { type BoxKeyPair, encryptTo, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { splitSecret } from "../../base/pki/shares.ts";
import { connect } from "../../base/rpc/rpc.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { RecoveryEpochSchema } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { freePort } from "../consensus/test-etcd.ts";
import { lockedEpoch } from "./locked-key.ts";
import { type Lock, recovery } from "./recovery.ts";
import { openShare, sealEpoch } from "./stored-epochs.ts";

/** One machine, and what it would know when it is switched on. */
export interface TestMember {
  readonly id: string;
  readonly join: KeyPair;
  readonly port: number;
  readonly clusterUnlockKey: Uint8Array;
  readonly nodeUnlockKey: Uint8Array;
  readonly lock: Lock;
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
      const told = create(RecoveryEpochSchema, {
        epoch: 4n,
        threshold,
        recoveryPublicKey: key.publicKey,
        encryptedClusterUnlockKey: await encryptTo(
          key.publicKey,
          { purpose: "cluster unlock key", nodeId: id(index) },
          clusterUnlockKey,
        ),
        operatorEncryptedClusterUnlockKey: await operatorBox(operator.publicKey, id(index), {
          clusterUnlockKey,
          joinKey: join.publicKey,
        }),
        share: shares[index] ?? new Uint8Array(),
        peers: peers.filter(({ nodeId }) => nodeId !== id(index)),
      });
      const holder = { nodeId: id(index), clusterCa: new Uint8Array(), nodeUnlockKey };
      const epoch = sealEpoch(told, holder);
      const epochs = [lockedEpoch(id(index), epoch, openShare(epoch, holder))];
      const lock: Lock = { ...holder, join, epochs, key: new Value<Uint8Array>() };
      const port = await freePort();
      return { id: id(index), join, port, clusterUnlockKey, nodeUnlockKey, lock };
    }),
  );
}

/** Switches a member on: it serves its share. */
export function serving(
  { lock, port }: TestMember,
  isReached: Value<boolean> = new Value(false),
): AsyncDisposable {
  return testSupervisor(recovery(new Value(lock), isReached, { host: "127.0.0.1", port }));
}

/** Where members are. */
export function placesOf(members: readonly TestMember[]): ReadonlyMap<string, string> {
  return new Map(members.map(({ id, port }) => [id, `127.0.0.1:${port}`]));
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
