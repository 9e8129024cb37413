// Tests of what is found of members that nobody leads, against real servers at their ports.
import { expect, test } from "bun:test";
import { issueCa, issueNode, issueUser, selfSigned, validFor } from "../../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import {
  authorizeByOption,
  Code,
  RpcError,
  type Service,
  serve,
  service,
} from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { NodeManagement } from "../../gen/metropolis/proto/api/management_pb.ts";
import { surveyMembers } from "./survey.ts";

const caKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };
const ownerKey = generateKeyPair();
const owner = await issueUser(ca, ownerKey.publicKey, "owner", validFor(1));
const nodeKey = generateKeyPair();
const id = nodeId(nodeKey.publicKey);
const member = await issueNode(ca, nodeKey.publicKey, validFor(1));

/** Serves at one port, with the node's certificate or another one. */
function server(offered: Service, certificate: Uint8Array = member) {
  return serve({
    services: [offered],
    authorize: authorizeByOption(() => ca.certificate),
    listen: { host: "127.0.0.1", port: 0 },
    tls: { keyPem: privateKeyPem(nodeKey), certificatePem: certificatePem(certificate) },
  });
}

const who = {
  credentials: { keyPem: privateKeyPem(ownerKey), certificatePem: certificatePem(owner) },
  ca: ca.certificate,
};

/** What is found of the one member, at these ports; nothing listens at port 1. */
async function found(ports: { api?: number; node?: number; recovery?: number }, of = id) {
  const reach = { endpoints: [], members: [{ id: of, host: "127.0.0.1" }] };
  const [first] = await surveyMembers(
    { ...who, reach },
    { api: 1, node: 1, recovery: 1, ...ports },
  );
  return first;
}

function troubles(texts: readonly string[], isConsensusFailing = false): Service {
  return service(NodeManagement, {
    getTroubles: async () => ({ troubles: [...texts], isConsensusFailing }),
  });
}

test("surveyMembers tells what an open node finds wrong with itself", async () => {
  await using node = await server(troubles(["the clock is not kept"]));
  const common = { id, host: "127.0.0.1", troubles: ["the clock is not kept"] };
  expect(await found({ node: node.port })).toEqual({ ...common, state: "up" });
  await using ill = await server(troubles(["etcd does not start: no room"], true));
  expect(await found({ node: ill.port })).toMatchObject({ state: "failing" });
});

test("surveyMembers tells what the curator says, where the node finds nothing wrong", async () => {
  const leaderless = service(CuratorLocal, {
    // biome-ignore lint/correctness/useYield: it fails before it has anything to say
    getCurrentLeader: async function* () {
      throw new RpcError(Code.unavailable, "the leader is not known: it is full");
    },
  });
  await using curator = await server(leaderless);
  await using node = await server(troubles([]));
  const at = { api: curator.port, node: node.port };
  expect((await found(at))?.troubles).toEqual(["the leader is not known: it is full"]);
  const without = await found({ node: node.port });
  expect(without?.troubles).toEqual(["its curator does not serve"]);
});

test("surveyMembers tells a locked node, and believes none to be another one", async () => {
  const locked = service(Recovery, { getLock: async () => ({ nodeId: id }) });
  await using node = await server(locked, await selfSigned(nodeKey));
  expect(await found({ recovery: node.port })).toMatchObject({ id, state: "locked" });
  const other = await found({ recovery: node.port }, nodeId(generateKeyPair().publicKey));
  expect(other).toMatchObject({ state: "silent" });
});

test.each([true, false])(
  "surveyMembers counts another endpoint among the members where it is one: %p",
  async (isConsensusMember) => {
    const told = service(NodeManagement, { getTroubles: async () => ({ isConsensusMember }) });
    await using node = await server(told);
    const all = await surveyMembers(
      {
        ...who,
        reach: { endpoints: ["127.0.0.1"], members: [{ id: "metropolis-a", host: "127.0.0.2" }] },
      },
      { api: 1, node: node.port, recovery: 1 },
    );
    const found = all.map(({ host, state }) => `${host} ${state}`);
    expect(found).toEqual(["127.0.0.2 silent", ...(isConsensusMember ? ["127.0.0.1 up"] : [])]);
  },
);

test("surveyMembers tells why a silent one was not reached", async () => {
  expect(await found({})).toMatchObject({
    state: "silent",
    troubles: [expect.stringContaining("ECONNREFUSED")],
  });
});
