// Tests of how the key of a disk is replaced: whatever is lost, and wherever the power goes,
// the key that the cluster gives opens the disk, and so does the one that lies on the ESP.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { keyCheck } from "../../base/pki/key-check.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { connect, serve, service } from "../../base/rpc/rpc.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { folderPartition } from "../host/folder-partition.ts";
import type { DataPartition } from "../storage/data.ts";
import { dataPassphrase } from "../storage/keys.ts";
import { followUnlockKey } from "./follow-unlock-key.ts";
import { emptyLock, held, type Lock } from "./lock.ts";
import { unlockedKey } from "./locked-key.ts";
import { firstRecovery } from "./stored-epochs.ts";

const nodeId = "metropolis-1";
const nodeUnlockKey = new Uint8Array(32).fill(7);
const [old, next, other] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const identity = generateKeyPair();
const none = new Uint8Array();

let folder: string;
let partition: DataPartition;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "node-unlock-key-"));
  partition = folderPartition(join(folder, "data"), join(folder, "key-check"));
  const lock = { protection: "encrypted", passphrase: dataPassphrase(nodeUnlockKey, old) } as const;
  await partition.create(lock, new LogTree().logger("root"));
  const owner = { nodeId, clusterCa: none, nodeUnlockKey, joinKey: identity.publicKey };
  await booted(old).file.write(await firstRecovery(owner, generateBoxKeyPair(), old, none));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The node after a boot, open with a key. */
function booted(key: Uint8Array): Lock {
  const own = { nodeId, join: identity, clusterCa: none, nodeUnlockKey };
  return emptyLock(join(folder, "recovery.pb"), own, new Value(key));
}

const opens = (key: Uint8Array) => partition.opens(dataPassphrase(nodeUnlockKey, key));

/** The key that lies on the ESP. */
async function keyOnEsp(): Promise<Uint8Array | undefined> {
  const [epoch] = held(nodeId, await booted(old).file.read()).epochs;
  return epoch && unlockedKey(epoch);
}

/** What the cluster has of the node, and says to it. */
interface Told {
  readonly check: Uint8Array;
  readonly nextClusterUnlockKey: Uint8Array;
}

const only = (key: Uint8Array): Told => ({ check: keyCheck(key), nextClusterUnlockKey: none });
const both = (key: Uint8Array, nextClusterUnlockKey: Uint8Array): Told => ({
  check: keyCheck(key),
  nextClusterUnlockKey,
});

/** Lets the node follow a cluster that says what it is given, while `work` goes on. */
async function following(
  lock: Lock,
  first: Told,
  work: (say: (told: Told) => void, said: readonly string[]) => Promise<void>,
): Promise<void> {
  const told = new Value(first);
  const said: string[] = [];
  const isDue = new Value<boolean>();
  async function* followKey(
    requests: AsyncIterable<{ check: Uint8Array }>,
    { signal }: { signal: AbortSignal },
  ) {
    void (async () => {
      for await (const { check } of requests) said.push(check.toHex());
    })().catch(() => {});
    yield* told.watch(signal);
  }
  const socket = join(folder, "curator.sock");
  await using _server = await serve({
    services: [service(Curator, { followUnlockKey: followKey })],
    authorize: () => {},
    listen: { unix: socket },
  });
  const follow = followUnlockKey(
    () => connect({ target: `unix:${socket}`, credentials: "plain" }),
    async () => partition,
    new Value(lock),
    isDue,
  );
  await using _node = testSupervisor(follow);
  await work((each) => {
    told.set(each);
    isDue.set(each.nextClusterUnlockKey.length > 0);
  }, said);
}

const hex = (key: Uint8Array) => keyCheck(key).toHex();

test("a next key opens the disk beside the old one, and lies on the ESP before it is reported", async () => {
  await following(booted(old), both(old, next), async (_, said) => {
    await until(() => said.includes(hex(next)));
    expect([await opens(old), await opens(next)]).toEqual([true, true]);
    expect(await keyOnEsp()).toEqual(next);
    expect(said).toEqual([hex(old), hex(next)]);
  });
});

test("the old key opens nothing any more once the cluster has no other than the next", async () => {
  const lock = booted(old);
  await following(lock, both(old, next), async (say, said) => {
    await until(() => said.includes(hex(next)));
    say(only(next));
    while (await opens(old)) await Bun.sleep(2);
    expect([await opens(next), await keyOnEsp(), lock.key.current]).toEqual([true, next, next]);
  });
});

/** After each step that a power cut may come after: what opens the disk, and is on the ESP. */
const cuts = [
  {
    name: "the disk opens with both",
    reaches: async () => partition.addKey(pass(old), pass(next)),
  },
  {
    name: "recovery.pb leads to the next",
    reaches: async () => {
      await partition.addKey(pass(old), pass(next));
      await booted(old).file.rekey(next);
    },
  },
] as const;

function pass(key: Uint8Array): Uint8Array {
  return dataPassphrase(nodeUnlockKey, key);
}

test.each(cuts)(
  "a power cut once $name loses nothing, whichever key it starts with",
  async ({ reaches }) => {
    await reaches();
    const start = await keyOnEsp();
    for (const key of [old, start ?? none]) {
      expect(await opens(key)).toBe(true);
      await following(booted(key), both(old, next), async (_, said) => {
        await until(() => said.includes(hex(next)));
        expect([await opens(old), await keyOnEsp()]).toEqual([true, next]);
      });
    }
  },
);

test("a power cut after the cluster has confirmed leaves the old key for the next boot to close", async () => {
  await partition.addKey(pass(old), pass(next));
  await booted(old).file.rekey(next);
  await following(booted(next), only(next), async () => {
    while (await opens(old)) await Bun.sleep(2);
  });
  expect([await opens(next), await keyOnEsp()]).toEqual([true, next]);
});

test("a third key may come before the second is confirmed; then both others are closed", async () => {
  await following(booted(old), both(old, next), async (say, said) => {
    await until(() => said.includes(hex(next)));
    say(both(old, other));
    await until(() => said.includes(hex(other)));
    expect([await opens(old), await opens(next), await keyOnEsp()]).toEqual([true, true, other]);
    say(only(other));
    while ((await opens(old)) || (await opens(next))) await Bun.sleep(2);
    expect(await opens(other)).toBe(true);
  });
});

test("a cluster that knows another key than the disk closes nothing, and hears which it is", async () => {
  await partition.addKey(pass(old), pass(next));
  await following(booted(old), only(other), async (_, said) => {
    await until(() => said.includes(hex(old)));
    await Bun.sleep(50);
    expect([await opens(old), await opens(next)]).toEqual([true, true]);
  });
});

test("a node whose disk is not encrypted is left alone", async () => {
  await following(booted(none), { check: none, nextClusterUnlockKey: none }, async (_, said) => {
    await until(() => said.length > 0);
    await Bun.sleep(50);
    expect(await opens(old)).toBe(true);
  });
});

test("a key that is due later is taken, too, and nothing is asked before", async () => {
  await following(booted(old), only(old), async (say, said) => {
    await until(() => said.length > 0);
    await Bun.sleep(50);
    expect(said).toEqual([hex(old)]);
    say(both(old, next));
    await until(() => said.includes(hex(next)));
    say(only(next));
    while (await opens(old)) await Bun.sleep(2);
    expect(await opens(next)).toBe(true);
  });
});
