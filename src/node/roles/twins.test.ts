// Tests of noticing another cluster of the same identity.
import { expect, test } from "bun:test";
import { Value } from "../../base/event/event.ts";
import { issueCa, issueNode, validFor } from "../../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { serve, service } from "../../base/rpc/rpc.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { freePort } from "../consensus/test-etcd.ts";
import { Troubles } from "../control/troubles.ts";
import { type Credentials, makeCredentials } from "../storage/credentials.ts";
import { Whereabouts } from "../whereabouts/whereabouts.ts";
import { twins } from "./twins.ts";

const caKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };
const otherKey = generateKeyPair();
const otherCa = { keyPair: otherKey, certificate: await issueCa(otherKey) };

async function node(issuer = ca) {
  const key = generateKeyPair();
  const certificate = await issueNode(issuer, key.publicKey, validFor(1));
  return { id: nodeId(key.publicKey), key, certificate };
}

/** A curator that names a leader. */
async function curatorOf({ key, certificate }: Awaited<ReturnType<typeof node>>, leader: string) {
  const port = await freePort();
  const answer = { leaderNodeId: leader, leaderHost: "10.1.0.9", leaderPort: 7835 };
  const server = await serve({
    services: [
      service(CuratorLocal, {
        getCurrentLeader: async function* () {
          yield answer;
        },
      }),
    ],
    authorize: () => {},
    listen: { host: "127.0.0.1", port },
    tls: { keyPem: privateKeyPem(key), certificatePem: certificatePem(certificate) },
  });
  return { port, [Symbol.asyncDispose]: () => server.close(0) };
}

/** A node that hears a stranger, who is at a port of this machine. */
class Hearing extends Whereabouts {
  constructor(known: readonly string[], stranger: string) {
    super(new Map(known.map((id) => [id, ["10.1.0.2"]])));
    this.strangers.set([{ nodeId: stranger, address: "127.0.0.1" }]);
  }
}

async function troublesAbout(
  stranger: Awaited<ReturnType<typeof node>>,
  leader: string,
  known: readonly string[],
): Promise<readonly string[]> {
  const own = await node();
  await using server = await curatorOf(stranger, leader);
  const troubles = new Troubles();
  const membership = new Value<Credentials>(
    makeCredentials(own.key, own.certificate, ca.certificate),
  );
  const whereabouts = new Hearing(known, stranger.id);
  const sources = { membership, whereabouts, troubles, port: server.port, lookMs: 20 };
  await using _ = testSupervisor(twins(sources));
  for (let i = 0; i < 40 && troubles.all.current?.length === 0; i++) await Bun.sleep(20);
  return troubles.all.current ?? [];
}

test("a node of the same CA that follows an unknown leader is another cluster's", async () => {
  const [stranger, leader] = [await node(), await node()];
  const [text] = await troublesAbout(stranger, leader.id, ["metropolis-a"]);
  expect(text).toStartWith(
    `another cluster of this one's identity runs at 127.0.0.1, led by ${leader.id}`,
  );
});

test("a node that was admitted just now follows our leader, and is none", async () => {
  const [stranger, leader] = [await node(), await node()];
  expect(await troublesAbout(stranger, leader.id, [leader.id])).toEqual([]);
});

test("nor is anybody to a node that was told of no node yet", async () => {
  const [stranger, leader] = [await node(), await node()];
  expect(await troublesAbout(stranger, leader.id, [])).toEqual([]);
});

test("whoever cannot prove to be of this cluster is heard no further", async () => {
  const [stranger, leader] = [await node(otherCa), await node()];
  expect(await troublesAbout(stranger, leader.id, ["metropolis-a"])).toEqual([]);
});

test("what is no node ID gets into no sentence", async () => {
  const text = "well, \u001b[31mrun this";
  expect(await troublesAbout(await node(), text, ["metropolis-a"])).toEqual([]);
});
