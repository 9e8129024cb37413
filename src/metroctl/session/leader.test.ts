// Finding the leader and following it, against real servers that take turns.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { issueCa, issueNode, issueUser, validFor } from "../../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import {
  authorizeByOption,
  Code,
  RpcError,
  type Server,
  serve,
  service,
} from "../../base/rpc/rpc.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { openCluster } from "./cluster.ts";
import { ContextFolder, contextFiles } from "./context.ts";
import { ensureOwnerKey } from "./owner.ts";

const caKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };

/** Members of one cluster, one of which leads, or none. */
class Group {
  readonly members: Member[] = [];
  leader: Member | undefined;

  async add(): Promise<Member> {
    const member = new Member(this);
    await member.start();
    this.members.push(member);
    return member;
  }
}

class Member {
  readonly key = generateKeyPair();
  readonly id = nodeId(this.key.publicKey);
  readonly #group: Group;
  #server: Server | undefined;
  /** Whom it names instead of the leader. */
  says: Member | undefined;
  /** Lists of nodes that break off after the first. */
  breaks = 0;

  constructor(group: Group) {
    this.#group = group;
  }

  get address(): string {
    return `127.0.0.1:${this.#server?.port}`;
  }

  async start(): Promise<void> {
    const certificate = await issueNode(ca, this.key.publicKey, validFor(1));
    const lead = () => {
      if (this.#group.leader !== this) throw new RpcError(Code.unimplemented, "not the leader");
    };
    const nodes = () => this.#group.members.map((member) => member.shown());
    const breakOff = () => this.breaks-- > 0;
    this.#server = await serve({
      services: [
        service(CuratorLocal, { getCurrentLeader: () => this.#leader() }),
        service(Management, {
          getNodes: async function* () {
            lead();
            for (const node of nodes()) {
              yield node;
              if (breakOff()) throw new RpcError(Code.unavailable, "lost the majority");
            }
          },
        }),
      ],
      authorize: authorizeByOption(() => ca.certificate),
      listen: { host: "127.0.0.1", port: 0 },
      tls: { certificatePem: certificatePem(certificate), keyPem: privateKeyPem(this.key) },
    });
  }

  async *#leader() {
    const leader = this.says ?? this.#group.leader;
    if (leader === undefined) throw new RpcError(Code.unavailable, "the leader is not known");
    const [leaderHost = "", port = ""] = leader.address.split(":");
    const where = { leaderNodeId: leader.id, leaderHost, leaderPort: Number(port) };
    const honest = this.#group.members.filter(({ says }) => says === undefined);
    const nodes = honest.map(({ id, address }) => ({
      ...{ id, addresses: [{ host: address }] },
      consensusMember: true,
    }));
    yield { ...where, thisNodeId: this.id, directory: { nodes } };
  }

  shown() {
    const status = { externalAddress: this.address };
    const fields = { id: this.id, pubkey: this.key.publicKey, state: NodeState.UP, status };
    return { ...fields, roles: { consensusMember: {} } };
  }

  async stop(): Promise<void> {
    await this.#server?.close(0);
  }
}

let group: Group;
let config = "";
let context: ContextFolder;
beforeAll(async () => {
  config = mkdtempSync(join(tmpdir(), "leader-"));
  context = new ContextFolder(config, "demo");
  const { publicKey } = ensureOwnerKey(context);
  const certificate = await issueUser(ca, publicKey, "owner", validFor(730));
  context.write(contextFiles.ownerCertificate, certificatePem(certificate), 0o644);
  context.write(contextFiles.ca, certificatePem(ca.certificate), 0o600);
});
afterAll(() => rmSync(config, { recursive: true }));
beforeEach(async () => {
  group = new Group();
  for (let i = 0; i < 3; i++) await group.add();
  group.leader = group.members[0];
});
afterEach(() => Promise.all(group.members.map((member) => member.stop())));

const at = (index: number) => group.members[index] ?? group.members[0] ?? new Member(group);
const open = (endpoints?: string, patienceMs = 300) =>
  openCluster(
    { config, context: "demo", ...(endpoints === undefined ? {} : { endpoints }) },
    patienceMs,
  );

test("a member that does not lead says who does", async () => {
  using cluster = await open(at(2).address);
  expect(await cluster.nodes()).toHaveLength(3);
});

test("an open cluster follows its leader, whoever that becomes", async () => {
  using cluster = await open(at(1).address);
  for (const leader of [at(0), at(2), at(1), at(0)]) {
    group.leader = leader;
    expect(await cluster.nodes()).toHaveLength(3);
  }
});

test("a call waits for the next leader", async () => {
  using cluster = await open(at(1).address);
  await cluster.nodes();
  group.leader = undefined;
  const nodes = cluster.nodes();
  await Bun.sleep(300);
  group.leader = at(1);
  expect(await nodes).toHaveLength(3);
});

test("a list that breaks off is begun again, and no node is there twice", async () => {
  using cluster = await open(at(0).address);
  at(0).breaks = 1;
  const nodes = await cluster.nodes();
  expect(new Set(nodes.map(({ id }) => id)).size).toBe(3);
  expect(nodes).toHaveLength(3);
});

test("the context learns of members, so that its endpoint may be lost", async () => {
  context.saveReach({ endpoints: [at(0).address] });
  {
    using cluster = await open();
    await cluster.nodes();
    expect(context.reach().members).toHaveLength(3);
    // Also the cluster that is open finds the others when its only endpoint goes.
    group.leader = at(1);
    await at(0).stop();
    expect(await cluster.nodes()).toHaveLength(3);
  }
  using again = await open();
  expect(await again.nodes()).toHaveLength(3);
});

test("who names endpoints wants those, and the context remembers who may be believed", async () => {
  const known = group.members.map(({ id }) => ({ id, host: "192.0.2.2" }));
  context.saveReach({ endpoints: ["192.0.2.1"], members: known });
  using cluster = await open(at(0).address);
  await cluster.nodes();
  expect(context.reach().endpoints).toEqual(["192.0.2.1"]);
  expect(context.reach().members?.map(({ id }) => id)).toEqual(known.map(({ id }) => id));
  await at(1).stop();
  await expect(open(at(1).address)).rejects.toThrow(/^no endpoint answers: 127.0.0.1:\d+: /);
});

test("a node of the cluster that is no member leads nobody astray", async () => {
  const members = group.members.map(({ id, address }) => ({ id, host: address }));
  const liar = await group.add();
  liar.says = liar;
  context.saveReach({ endpoints: [liar.address], members });
  using cluster = await open();
  expect(await cluster.nodes()).toHaveLength(4);
  const failure = await open(liar.address).catch(String);
  expect(failure).toContain(`${liar.id} is no member that this context knows`);
  expect(failure).toContain("take ownership again");
});

test("a control plane without a leader is told from one that is not there", async () => {
  group.leader = undefined;
  // Time enough for a busy machine to be told once that there is none.
  const failure = await open(at(1).address, 1_000).catch(String);
  expect(failure).toContain("the control plane has no leader, are most of its members up?");
  expect(failure).toContain(`${at(1).address}: the leader is not known`);
});

test("the last moment, too short for anybody, does not hide why nobody answered before", async () => {
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => mute.once("listening", resolve));
  const bound = mute.address();
  const port = typeof bound === "object" ? bound?.port : 0;
  await new Promise((resolve) => mute.close(resolve));
  const opening = open(`127.0.0.1:${port}`).catch(String);
  await Bun.sleep(150);
  mute.listen(port, "127.0.0.1");
  expect(await opening).toContain(`no connection: connect ECONNREFUSED 127.0.0.1:${port}`);
  mute.close();
});
