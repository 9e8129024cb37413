// Tests of a cold start: locked members, some of which are missing, lie or are strangers.
import { expect, test } from "bun:test";
import { Value } from "../../base/event/event.ts";
import { selfSigned } from "../../base/pki/certificate.ts";
import {
  certificatePem,
  generateKeyPair,
  type KeyPair,
  privateKeyPem,
} from "../../base/pki/keys.ts";
import { Code } from "../../base/rpc/rpc.ts";
import { codeOf } from "../../base/rpc/test-call.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { gatherShares, waitingFor } from "./gather.ts";
import { dial, placesOf, quietLog, serving, type TestMember, testMembers } from "./test-member.ts";

function outside(all: readonly TestMember[], opens = async () => true) {
  return { places: placesOf(all), opens };
}

function gather(
  member: TestMember,
  all: readonly TestMember[],
  signal = AbortSignal.timeout(8_000),
) {
  return gatherShares(member.lock, outside(all), quietLog().log, signal);
}

async function asKey(key: KeyPair) {
  return { keyPem: privateKeyPem(key), certificatePem: certificatePem(await selfSigned(key)) };
}

test.each([
  [3, 2],
  [5, 3],
])(
  "of %i members any %i open their disks together",
  async (count, threshold) => {
    const all = await testMembers(count, threshold);
    const present = all.slice(count - threshold);
    const services = present.map((member) => serving(member));
    const keys = await Promise.all(present.map((member) => gather(member, all)));
    expect(keys).toEqual(present.map(({ clusterUnlockKey }) => clusterUnlockKey));
    for (const service of services) await service[Symbol.asyncDispose]();
  },
  20_000,
);

test("too few members open nothing, and say whom they wait for", async () => {
  const all = await testMembers(5, 3);
  const present = all.slice(0, 2);
  const services = present.map((member) => serving(member));
  const { log, text } = quietLog();
  const [first] = present;
  if (first === undefined) throw new Error("no members");
  const attempt = gatherShares(first.lock, outside(all), log, AbortSignal.timeout(2_500));
  await expect(attempt).rejects.toThrow("timed out");
  expect(first.lock.key.current).toBeUndefined();
  expect(text()).toContain("Waiting for 1 more of: metropolis-2, metropolis-3, metropolis-4");
  for (const service of services) await service[Symbol.asyncDispose]();
});

test("a member that lies holds up nobody", async () => {
  const all = await testMembers(4, 2);
  const liar = all[1];
  if (liar === undefined) throw new Error("no members");
  for (const { epoch } of liar.lock.epochs) epoch.share = epoch.share.map((byte) => byte ^ 1);
  const services = all.slice(1).map((member) => serving(member));
  const [first] = all;
  if (first === undefined) throw new Error("no members");
  expect(await gather(first, all)).toEqual(first.clusterUnlockKey);
  for (const service of services) await service[Symbol.asyncDispose]();
});

test("a key that opens nothing any more is not taken, and what it is of is asked for no longer", async () => {
  const [first, second] = await testMembers(2, 2);
  if (!first || !second) throw new Error("no members");
  await using _ = serving(second);
  const { log, text } = quietLog();
  const around = outside([first, second], async () => false);
  const attempt = gatherShares(first.lock, around, log, AbortSignal.timeout(2_500));
  await expect(attempt).rejects.toThrow("timed out");
  expect(first.lock.key.current).toBeUndefined();
  expect(text()).toContain("epoch 4 makes a key that opens nothing any more");
  expect(text()).toContain("Waiting for the cluster");
});

test("a machine that is not who it should be gives no share", async () => {
  const [first, second] = await testMembers(2, 2);
  const [stranger] = await testMembers(1, 1);
  if (!first || !second || !stranger) throw new Error("no members");
  await using _ = serving({ ...second, lock: { ...second.lock, join: stranger.join } });
  const attempt = gather(first, [first, second], AbortSignal.timeout(1_500));
  await expect(attempt).rejects.toThrow("timed out");
});

test("shares are for members of the epoch only", async () => {
  const [first, second] = await testMembers(2, 2);
  if (!first || !second) throw new Error("no members");
  await using _ = serving(first);
  const ask = async (key: KeyPair, epoch: bigint) => {
    using channel = dial(first, await asKey(key));
    const call = () => channel.client(Recovery).getShare({ epoch });
    for (;;) {
      const code = await codeOf(call());
      if (code !== Code.unavailable) return code;
      await Bun.sleep(20);
    }
  };
  expect(await ask(generateKeyPair(), 4n)).toBe(Code.permissionDenied);
  expect(await ask(generateKeyPair(), 5n)).toBe(Code.permissionDenied);
  expect(await ask(second.join, 5n)).toBe(Code.notFound);
  expect(await ask(second.join, 4n)).toBe(Code.ok);
});

test("the port is closed while a leader answers", async () => {
  const [first, second] = await testMembers(2, 2);
  if (!first || !second) throw new Error("no members");
  const isReached = new Value(true);
  await using _ = serving(first, isReached);
  using channel = dial(first, await asKey(second.join));
  const ask = () => codeOf(channel.client(Recovery).getShare({ epoch: 4n }, { timeoutMs: 500 }));
  expect(await ask()).toBe(Code.unavailable);
  isReached.set(false);
  while ((await ask()) !== Code.ok) await Bun.sleep(20);
  isReached.set(true);
  while ((await ask()) !== Code.unavailable) await Bun.sleep(20);
});

test("what a locked node says on its console", async () => {
  const [automatic] = await testMembers(3, 2);
  const [operator] = await testMembers(3, 0);
  expect(waitingFor(automatic?.lock.epochs[0])).toBe(
    "Waiting for 1 more of: metropolis-1, metropolis-2",
  );
  expect(waitingFor(operator?.lock.epochs[0])).toContain("metroctl cluster recover");
  expect(waitingFor(undefined)).toBe("Waiting for the cluster");
});
