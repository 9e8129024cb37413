// All members were off, and two of three are switched on again. The third has gone bad and was
// faster: it says that it leads, and answers those that ask for the keys of their disks, before
// they have each other's shares. It wants them to give up. So does somebody with a key that was
// the owner's, who may come to the port of a locked node, too.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { Value } from "../../src/base/event/event.ts";
import { issueUser, validFor } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { Code, connect, RpcError } from "../../src/base/rpc/rpc.ts";
import { codeOf } from "../../src/base/rpc/test-call.ts";
import { testSupervisor } from "../../src/base/supervisor/test-supervisor.ts";
import { Recovery } from "../../src/gen/metropolis/node/core/recovery/recovery_pb.ts";
import {
  ClusterDirectorySchema,
  NodeStorageSecurity,
} from "../../src/gen/metropolis/proto/common/common_pb.ts";
import { clusterKey, type KeySurroundings } from "../../src/node/enrolment/cluster-key.ts";
import { folderPartition } from "../../src/node/host/folder-partition.ts";
import { EpochFile } from "../../src/node/recovery/epoch-file.ts";
import { type Lock, RECOVERY_PORT, recovery } from "../../src/node/recovery/recovery.ts";
import {
  quietLog,
  type TestMember,
  testMeeting,
  testMembers,
} from "../../src/node/recovery/test-member.ts";
import { directoryNames } from "../../src/node/roles/watch.ts";
import { dataPassphrase } from "../../src/node/storage/keys.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { Whereabouts } from "../../src/node/whereabouts/whereabouts.ts";
import { ControlPlane } from "../cluster/control-plane.ts";
import { ca, directoryOf, freshAddress, Node } from "./impostors.ts";

/** As many answers of the liar come before the shares do. */
const LATER_MS = 2_500;
const DEADLINE_MS = 15_000;

let root: string;
let liar: Node;
let members: readonly TestMember[];
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "locked-member-"));
  members = await testMembers(2, 2);
  liar = await new Node().listen();
  liar.says = { id: liar.id, host: liar.host };
  liar.isLeading = true;
});
afterEach(async () => {
  await liar.stop();
  rmSync(root, { recursive: true });
});

function member(at: 0 | 1): TestMember {
  const found = members[at];
  if (found === undefined) throw new Error("no such member");
  return found;
}

/** The disk of the first member as it is switched on; `peerHost` is where the second will be. */
async function switchedOn(peerHost: string) {
  const { id, join: joinKey, nodeUnlockKey, clusterUnlockKey, content } = member(0);
  const where = paths(root);
  mkdirSync(where.esp.metropolis, { recursive: true });
  const own = { nodeId: id, clusterCa: ca.certificate, nodeUnlockKey };
  const owner = { ...own, joinKey: joinKey.publicKey };
  await new EpochFile(where.esp.recovery, owner, new Value()).write(content);
  const silent = { id: nodeId(generateKeyPair().publicKey), host: freshAddress() };
  const directory = directoryOf(liar, silent, { id: member(1).id, host: peerHost });
  writeFileSync(where.esp.clusterDirectory, toBinary(ClusterDirectorySchema, directory));
  const partition = folderPartition(where.data.root, join(root, "key-check"));
  const { log, text } = quietLog();
  const passphrase = dataPassphrase(nodeUnlockKey, clusterUnlockKey);
  await partition.create({ protection: "encrypted", passphrase }, log);
  const secrets = { ...own, join: joinKey, isSealed: true, isStale: false, epoch: 1 };
  const lock = new Value<Lock>();
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const whereabouts = new Whereabouts(directoryNames(where.esp.clusterDirectory));
  const all: KeySurroundings = { paths: where, partition, lock, whereabouts, log, signal };
  const storageSecurity = NodeStorageSecurity.AUTHENTICATED_ENCRYPTED;
  return { lock, text, opening: clusterKey(all, { ...secrets, storageSecurity }) };
}

/** A member that serves at an address, at the port of the product. */
function serveAt(host: string, lock: Lock): AsyncDisposable {
  const listen = { host, port: RECOVERY_PORT };
  return testSupervisor(recovery(testMeeting(lock), listen));
}

const answers: Readonly<Record<string, () => Uint8Array>> = {
  "that it was deleted": () => {
    throw new RpcError(Code.notFound, "no node has this join key");
  },
  "that it may not join": () => {
    throw new RpcError(Code.failedPrecondition, "node in state NEW cannot join");
  },
  "another key": () => new Uint8Array(32).fill(7),
  "no key at all": () => new Uint8Array(),
};

test.each(Object.keys(answers))(
  "a member that a false leader tells %s opens with the shares of another",
  async (name) => {
    liar.joins = answers[name] ?? liar.joins;
    const host = freshAddress();
    const { opening, text } = await switchedOn(host);
    await Bun.sleep(LATER_MS);
    expect(liar.asked).toContain("joinNode");
    await using _ = serveAt(host, member(1).lock);
    expect(await opening).toEqual(member(0).clusterUnlockKey);
    expect(text()).toContain("shares of recovery epoch 4 make the key");
  },
  2 * DEADLINE_MS,
);

test(
  "a key that was the owner's ends no member's waiting with a key that opens nothing",
  async () => {
    const peerHost = freshAddress();
    const { opening, lock } = await switchedOn(peerHost);
    const host = freshAddress();
    await using _ = serveAt(host, await lock.first(AbortSignal.timeout(DEADLINE_MS)));
    const thief = generateKeyPair();
    const certificate = await issueUser(ca, thief.publicKey, "owner", validFor(1));
    const credentials = { ...ControlPlane.proof(thief, certificate), verify: () => {} };
    using channel = connect({ target: `${host}:${RECOVERY_PORT}`, credentials });
    const clusterUnlockKey = new Uint8Array(32).fill(7);
    for (let tries = 0; tries < 3; ) {
      const code = await codeOf(channel.client(Recovery).unlock({ clusterUnlockKey }));
      if (code === Code.unavailable) continue;
      expect(code).toBe(Code.invalidArgument);
      tries++;
    }
    await using __ = serveAt(peerHost, member(1).lock);
    expect(await opening).toEqual(member(0).clusterUnlockKey);
  },
  2 * DEADLINE_MS,
);
