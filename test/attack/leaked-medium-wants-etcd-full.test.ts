// Somebody has got an installation medium, and its register ticket with it. He wants etcd full,
// so that the cluster can write nothing any more; before the ticket is rotated, and after.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { etcdStore, type Store } from "../../src/base/etcd/etcd.ts";
import { selfSigned } from "../../src/base/pki/certificate.ts";
import { generateKeyPair, type KeyPair } from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { type Channel, Code } from "../../src/base/rpc/rpc.ts";
import { codeOf } from "../../src/base/rpc/test-call.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { connectEtcd } from "../../src/node/consensus/connection.ts";
import { ControlPlane, controlPlane } from "../cluster/control-plane.ts";
import { each } from "../cluster/fleet.ts";

const DEADLINE_MS = 10_000;
const LONG = "x".repeat(15_000);
/** As much as the port lets a stranger say: 60 kB. */
const hardware = { vendor: LONG, model: LONG, serial: LONG };
const labels = {
  pairs: Array.from({ length: 120 }, (_, at) => ({ key: `k${at}`, value: "v".repeat(63) })),
};

let plane: ControlPlane;
let owner: Channel;
let etcd: Channel;
let store: Store;
let ticket: Uint8Array;

beforeAll(async () => {
  plane = await controlPlane();
  owner = plane.connect(plane.ports.api, plane.owner());
  etcd = await connectEtcd(plane.member);
  store = etcdStore(etcd);
  ({ ticket } = await owner.client(Management).getRegisterTicket({}));
});
afterAll(async () => {
  owner?.close();
  etcd?.close();
  await plane?.[Symbol.asyncDispose]();
});

/** A machine, as he makes them up: the code that each of its registrations ends with. */
class Machine {
  readonly key: KeyPair = generateKeyPair();
  readonly joinKey: Uint8Array = generateKeyPair().publicKey;

  async register(count: number, change: (at: number) => object = () => ({})): Promise<Code[]> {
    const proof = ControlPlane.proof(this.key, await selfSigned(this.key));
    using channel = plane.connect(plane.ports.api, proof);
    const codes: Code[] = [];
    for (let at = 0; at < count; at++) {
      const usual = { registerTicket: ticket, joinKey: this.joinKey, haveLocalTpm: true };
      const request = { ...usual, hardware, labels, ...change(at) };
      codes.push(await codeOf(channel.client(Curator).registerNode(request)));
    }
    return codes;
  }
}

/** All that is stored, in bytes, and how often it was written to. */
async function stored(): Promise<{ readonly bytes: number; readonly writes: number }> {
  const { items } = await store.range("");
  const bytes = items.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  // Not by the revision: writes that meet share one.
  const writes = items.reduce((sum, { version }) => sum + Number(version), 0);
  return { bytes, writes };
}

/** The owner goes on meanwhile, with writes of his own. */
async function ownerWrites(): Promise<void> {
  const node = { case: "id", value: plane.id } as const;
  const upsert = [{ key: "owner", value: `${Math.random()}` }];
  await owner.client(Management).updateNodeLabels({ node, upsert }, { timeoutMs: DEADLINE_MS });
}

const first = new Machine();

test("a leaked medium fills at most 4 KiB for each machine that it makes up", async () => {
  const before = await stored();
  const machines = Array.from({ length: 100 }, () => new Machine());
  await each(machines, (machine) => machine.register(1));
  await ownerWrites();
  const after = await stored();
  expect(after.bytes - before.bytes).toBeLessThan(100 * 4_096);
  expect(after.writes - before.writes).toBeGreaterThanOrEqual(100);
});

test("a leaked medium that says the same again and again has nothing written", async () => {
  expect(await first.register(1)).toEqual([Code.ok]);
  const before = await stored();
  expect(new Set(await first.register(12))).toEqual(new Set([Code.ok]));
  expect(await stored()).toEqual(before);
});

test("after the ticket was rotated a leaked medium writes nothing at all", async () => {
  await owner.client(Management).rotateRegisterTicket({});
  const before = await stored();
  const other = (at: number) => ({ hardware: { ...hardware, serial: `${at}` } });
  // What it has registered gets its answer, for which nothing is written; a new machine gets none.
  expect(new Set(await first.register(12, other))).toEqual(new Set([Code.ok]));
  const refused = new Set([Code.permissionDenied]);
  expect(new Set(await new Machine().register(12))).toEqual(refused);
  const joinKeys = () => ({ joinKey: generateKeyPair().publicKey });
  expect(new Set(await first.register(12, joinKeys))).toEqual(refused);
  expect(await stored()).toEqual(before);
});

test("after that its machines are approved by nobody but the owner, who still may", async () => {
  const pubkey = first.key.publicKey;
  await owner.client(Management).approveNode({ pubkey }, { timeoutMs: DEADLINE_MS });
  const filter = "node.state == NODE_STATE_STANDBY";
  const nodes = await Array.fromAsync(owner.client(Management).getNodes({ filter }));
  expect(nodes.map(({ id }) => id)).toEqual([nodeId(first.key.publicKey)]);
});
