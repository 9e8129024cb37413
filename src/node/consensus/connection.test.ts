// Tests of the node's own way to etcd, over the real one.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { etcdStore } from "../../base/etcd/etcd.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { Control } from "../control/control.ts";
import { makeDataTree, paths } from "../storage/paths.ts";
import type { Member } from "./config.ts";
import { connectEtcd } from "./connection.ts";
import { consensus } from "./consensus.ts";
import { caRecords, createEtcdCa, createMember } from "./pki.ts";
import { ETCD, freePorts } from "./test-etcd.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-connection-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A running member with its own CA, and that CA. */
async function start() {
  const where = paths(root);
  makeDataTree(where);
  const nodeId = `metropolis-${"c".repeat(32)}`;
  const ca = await createEtcdCa();
  await createMember(ca, nodeId, where.data);
  const socket = where.ephemeral.etcdSocket;
  mkdirSync(dirname(socket), { recursive: true });
  const member: Member = { nodeId, data: where.data, ports: await freePorts(), socket };
  const control = new Control<Member>();
  const supervisor = new Supervisor(consensus(control, { path: ETCD }));
  supervisor.start();
  await control.start(member, AbortSignal.timeout(20_000));
  return { ca, member, [Symbol.asyncDispose]: () => supervisor.stop() };
}

test("connectEtcd reaches etcd with the client's certificate, and keeps the CA there", async () => {
  await using running = await start();
  using channel = await connectEtcd(running.member);
  const store = etcdStore(channel, "namespaced:etcd-pki/");
  for (const [key, value] of caRecords(running.ca)) await store.put(key, value);
  const kept = await store.get("/pki/issued/etcd-ca-cert.der");
  expect(kept?.value).toEqual(running.ca.certificate);
});

test("connectEtcd refuses an etcd that is not this node's member", async () => {
  await using running = await start();
  const stranger = { ...running.member, nodeId: `metropolis-${"d".repeat(32)}` };
  using channel = await connectEtcd(stranger);
  await expect(etcdStore(channel).get("key")).rejects.toThrow("does not prove to be the member");
});

test("etcd refuses clients of another CA", async () => {
  await using running = await start();
  const { member } = running;
  // Another installation's credentials, in the place of this one's.
  await createMember(await createEtcdCa(), member.nodeId, paths(join(root, "other")).data);
  const other = { ...member, data: paths(join(root, "other")).data };
  using channel = await connectEtcd(other);
  await expect(etcdStore(channel).get("key")).rejects.toThrow();
});
