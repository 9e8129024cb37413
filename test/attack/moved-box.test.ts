// Who can write to the disks of members, whose ESP is not encrypted, and wants one member to
// open, or the operator to hand out, what is another's: the boxes on it are all encrypted to
// the same keys, and only what is inside tells whose they are.
import { expect, test } from "bun:test";
import { issueCa, issueUser, validFor } from "../../src/base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../src/base/pki/keys.ts";
import { generateBoxKeyPair } from "../../src/base/pki/sealed-box.ts";
import { Code, RpcError } from "../../src/base/rpc/rpc.ts";
import { unlockNode } from "../../src/metroctl/session/recover.ts";
import { gatherShares } from "../../src/node/recovery/recovery.ts";
import {
  placesOf,
  quietLog,
  serving,
  type TestMember,
  testMembers,
} from "../../src/node/recovery/test-member.ts";

const operator = generateBoxKeyPair();
const caKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };
const owner = generateKeyPair();
const credentials = {
  keyPem: privateKeyPem(owner),
  certificatePem: certificatePem(await issueUser(ca, owner.publicKey, "owner", validFor(1))),
};

/** How long a member is watched that must not open. */
const WATCHED_MS = 2_000;

async function twoMembers(threshold: number): Promise<readonly [TestMember, TestMember]> {
  const [one, other] = await testMembers(2, threshold, operator);
  if (one === undefined || other === undefined) throw new Error("no members");
  return [one, other];
}

type Lock = TestMember["lock"];

/** A member with another lock: what somebody made of its disk. */
function changed(member: TestMember, lock: Partial<Lock>): TestMember {
  return { ...member, lock: { ...member.lock, clusterCa: ca.certificate, ...lock } };
}

/** The epochs of a member, with the boxes of another. */
function robbed({ lock }: TestMember, other: TestMember): Lock["epochs"] {
  const boxes = other.lock.epochs.map(({ epoch }) => epoch.encryptedClusterUnlockKey);
  return lock.epochs.map((locked, at) => {
    const encryptedClusterUnlockKey = boxes[at] ?? new Uint8Array();
    return { ...locked, epoch: { ...locked.epoch, encryptedClusterUnlockKey } };
  });
}

function gather({ lock }: TestMember, all: readonly TestMember[]): Promise<Uint8Array> {
  const { log } = quietLog();
  // A disk that any key opens: what counts here is which key is made.
  const outside = { places: placesOf(all), opens: async () => true };
  return gatherShares(lock, outside, log, AbortSignal.timeout(WATCHED_MS));
}

test("who puts another member's box on a disk does not get its key opened there", async () => {
  const [one, other] = await twoMembers(2);
  await using _ = serving(other);
  const victim = changed(one, { epochs: robbed(one, other) });
  await expect(gather(victim, [one, other])).rejects.toThrow("timed out");
  expect(victim.lock.key.current).toBeUndefined();
  // With its own box the same member opens.
  expect(await gather(one, [one, other])).toEqual(one.clusterUnlockKey);
});

/** As `metroctl cluster recover` does it, once the member serves. */
async function unlockWhenUp({ port }: TestMember) {
  const opener = { credentials, recoveryKey: operator };
  for (;;) {
    try {
      return await unlockNode(opener, `127.0.0.1:${port}`);
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== Code.unavailable) throw error;
      await Bun.sleep(20);
    }
  }
}

test("who shows the operator another node's box is given no key", async () => {
  const [one, other] = await twoMembers(0);
  const moved = changed(one, { operatorBox: other.lock.operatorBox });
  await using _ = serving(moved);
  const refused = "recovery-key.txt does not open node metropolis-0";
  await expect(unlockWhenUp(moved)).rejects.toThrow(refused);
  expect(moved.lock.key.current).toBeUndefined();
});

test("who claims to be that other node, too, cannot prove it", async () => {
  const [one, other] = await twoMembers(0);
  const claimed = changed(one, { operatorBox: other.lock.operatorBox, nodeId: other.id });
  await using _ = serving(claimed);
  await expect(unlockWhenUp(claimed)).rejects.toThrow("it says that it is node metropolis-1");
  expect(claimed.lock.key.current).toBeUndefined();
});

test("the node itself is given its key", async () => {
  const [one] = await twoMembers(0);
  const own = changed(one, {});
  await using _ = serving(own);
  expect(await unlockWhenUp(own)).toMatchObject({ id: one.id });
  expect(own.lock.key.current).toEqual(one.clusterUnlockKey);
});
