// Somebody has the certificate of a node: of one that is no member of the control plane, or of
// one that was deleted. It wants what machines send to the leader when they register, the
// ticket and the key of their disk, and what nodes and operators believe of a leader.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../src/base/event/event.ts";
import { Code, RpcError } from "../../src/base/rpc/rpc.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeParameters_ClusterRegisterSchema as RegisterSchema } from "../../src/gen/metropolis/proto/api/configuration_pb.ts";
import type { ClusterDirectory } from "../../src/gen/metropolis/proto/common/common_pb.ts";
import type { Surroundings } from "../../src/node/enrolment/attempt.ts";
import { registerSteps } from "../../src/node/enrolment/register.ts";
import { testSurroundings } from "../../src/node/enrolment/test-surroundings.ts";
import { connectLeader, knownOf } from "../../src/node/roles/connection.ts";
import { Whereabouts } from "../../src/node/whereabouts/whereabouts.ts";
import { ca, directoryOf, freshAddress, Node, threeMembers } from "./impostors.ts";

const TICKET = new Uint8Array(32).fill(5);
/** How long a machine tries here before it is switched off, at least and at most. */
const TRY_MS = 4_000;
const LONGEST_MS = 60_000;
const POLL_MS = 20;
const REPEATS = 4;

let root: string;
let members: readonly [Node, Node, Node];
let thief: Node;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "false-leader-"));
  members = await threeMembers();
  thief = new Node();
  thief.isLeading = true;
});
afterEach(async () => {
  for (const node of [...members, thief]) await node.stop();
  rmSync(root, { recursive: true });
});

/**
 * Registers from a medium with this directory, and asks to be committed. What shall come about
 * has more time on a busy machine.
 */
async function registerFrom(
  clusterDirectory: ClusterDirectory,
  given: Partial<Surroundings> = {},
  isDone: () => boolean = () => true,
): Promise<void> {
  const end = new AbortController();
  const { signal } = end;
  const start = performance.now();
  const timer = setInterval(() => {
    const ms = performance.now() - start;
    if (ms > LONGEST_MS || (ms > TRY_MS && isDone())) end.abort();
  }, POLL_MS);
  const steps = registerSteps(
    testSurroundings(root, { signal, ...given }),
    create(RegisterSchema, {
      clusterDirectory,
      registerTicket: TICKET,
      caCertificate: ca.certificate,
    }),
  );
  try {
    for (const step of ["keys", "register", "storage", "approval"] as const) await steps[step]?.();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(timer);
  }
}

function expectThiefHasNothing(): void {
  expect(thief.tickets).toEqual([]);
  expect(thief.unlockKeys).toEqual([]);
  expect(thief.asked).toEqual([]);
}

test("a thief of a node's certificate, at the leader's address, gets neither ticket nor key", async () => {
  const [leader] = members;
  const medium = directoryOf(...members);
  await leader.stop();
  await thief.listen(leader.host);
  thief.says = { id: thief.id, host: thief.host };
  await registerFrom(medium);
  expectThiefHasNothing();
});

test("a thief at an address that the directory names gets nothing, the leader all", async () => {
  const [leader, follower] = members;
  const medium = directoryOf(...members);
  await follower.stop();
  await thief.listen(follower.host);
  thief.says = { id: thief.id, host: thief.host };
  await registerFrom(medium, {}, () => leader.unlockKeys.length > 0);
  expectThiefHasNothing();
  expect(leader.tickets).not.toEqual([]);
  expect(leader.unlockKeys).not.toEqual([]);
});

test("a thief who only answers where an honest member says that the leader is gets nothing", async () => {
  const [leader, second, third] = members;
  await thief.listen();
  // The leader's status can be a lie of whoever holds its address.
  for (const member of [second, third]) member.says = { id: leader.id, host: thief.host };
  leader.says = undefined;
  await registerFrom(directoryOf(...members));
  expectThiefHasNothing();
});

/** What somebody on the link says of where members are, about all of them the same. */
class Hearsay extends Whereabouts {
  readonly #said: readonly string[];

  constructor(...said: readonly string[]) {
    super();
    this.#said = said;
  }

  override candidates(): readonly string[] {
    return this.#said;
  }
}

test("a machine whose medium is old goes where neighbours say, and tells the leader alone", async () => {
  const medium = directoryOf(...members);
  for (const member of members) {
    await member.stop();
    await member.listen(freshAddress());
  }
  const [leader] = members;
  for (const member of members) member.says = { id: leader.id, host: leader.host };
  await thief.listen();
  thief.says = { id: thief.id, host: thief.host };
  const said = [thief, ...members].map(({ host }) => host);
  const whereabouts = new Hearsay(...said);
  await registerFrom(medium, { whereabouts }, () => leader.unlockKeys.length > 0);
  expectThiefHasNothing();
  expect(leader.tickets).not.toEqual([]);
  expect(leader.unlockKeys).not.toEqual([]);
});

test("a thief who says that all members are where he is gets nothing", async () => {
  const medium = directoryOf(...members);
  for (const member of members) await member.stop();
  await thief.listen();
  thief.says = { id: members[0].id, host: thief.host };
  await registerFrom(medium, { whereabouts: new Hearsay(thief.host) });
  expectThiefHasNothing();
});

test("a leader whose best address leads nowhere from here is called where it has answered", async () => {
  const [leader] = members;
  for (const member of members) member.says = { id: leader.id, host: freshAddress() };
  await registerFrom(directoryOf(...members), {}, () => leader.unlockKeys.length > 0);
  expect(leader.tickets).not.toEqual([]);
  expect(leader.unlockKeys).not.toEqual([]);
});

test("a deleted member that a medium still names is told nothing, whoever answers first", async () => {
  const [leader, second] = members;
  await thief.listen();
  thief.says = { id: thief.id, host: thief.host };
  const medium = directoryOf(thief, leader, second);
  for (let i = 0; i < REPEATS; i++) {
    await registerFrom(medium, {}, () => leader.tickets.length > 0);
  }
  expectThiefHasNothing();
  expect(leader.tickets).not.toEqual([]);
});

test("a deleted member is told nothing where all others of the medium are silent", async () => {
  for (const member of members) await member.stop();
  await thief.listen();
  thief.says = { id: thief.id, host: thief.host };
  await registerFrom(directoryOf(thief, ...members));
  expectThiefHasNothing();
});

test("a medium that names no members leads nowhere", async () => {
  const { nodes } = directoryOf(...members);
  const medium = { ...directoryOf(), nodes: nodes.map((n) => ({ ...n, consensusMember: false })) };
  await expect(registerFrom(medium)).rejects.toThrow(
    "the medium does not say where its cluster is",
  );
});

test("a node that was in the directory yesterday leads no node of today", async () => {
  const [leader, second, third] = members;
  const own = new Value(await new Node().credentials());
  await thief.listen();
  thief.says = { id: thief.id, host: thief.host };
  // Deleted meanwhile: it is in no directory. Not heard of yet: the others know better.
  for (const directory of [directoryOf(...members), directoryOf(thief, leader, second, third)]) {
    using channel = connectLeader(own, () => knownOf(directory));
    await channel.client(Curator).getConsensusStatus({}, { timeoutMs: TRY_MS });
  }
  expect(thief.asked).toEqual([]);
  expect(leader.asked).toEqual(["getConsensusStatus", "getConsensusStatus"]);
});

test("a member that is deleted while it leads is left as soon as a call finds that others lead", async () => {
  const [leader, second, third] = members;
  const own = new Value(await new Node().credentials());
  let directory = directoryOf(...members);
  using channel = connectLeader(own, () => knownOf(directory));
  const curator = channel.client(Curator);
  await curator.getConsensusStatus({}, { timeoutMs: TRY_MS });
  // It goes on answering, and nobody tells the node but the directory.
  directory = directoryOf(second, third);
  second.isLeading = true;
  for (const member of [second, third]) member.says = { id: second.id, host: second.host };
  await curator.getConsensusStatus({}, { timeoutMs: TRY_MS });
  expect(leader.asked).toHaveLength(1);
  expect(second.asked).toHaveLength(1);
});

test("a leader whose certificate has another name than the directory's is not called at all", async () => {
  const own = new Value(await new Node().credentials());
  await thief.listen();
  const known = () => ({
    seeds: [{ id: members[0].id, target: `${thief.host}:7835` }],
    members: new Set([members[0].id]),
  });
  using channel = connectLeader(own, known);
  const call = channel.client(Curator).getConsensusStatus({}, { timeoutMs: 1_000 });
  await expect(call).rejects.toMatchObject({ code: Code.unavailable });
  await expect(call).rejects.toBeInstanceOf(RpcError);
  expect(thief.asked).toEqual([]);
});
