// Tests of members that meet where nobody was told that they are. Hosts of the loopback network
// stand for addresses: all of them are this machine, and each may be somebody else.
import { expect, test } from "bun:test";
import { createServer, type Server, Socket } from "node:net";
import { Value } from "../../base/event/event.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { freePort } from "../consensus/test-etcd.ts";
import { Whereabouts } from "../whereabouts/whereabouts.ts";
import { type Meeting, meetings } from "./meet.ts";
import { serveLock } from "./recovery.ts";
import { type TestMember, testMembers } from "./test-member.ts";

const PORT = await freePort();

/** A member as it is known to itself. */
function meetingOf({ lock }: TestMember, address: string, told: readonly [string, string][]) {
  const meeting: Meeting = {
    lock: new Value(lock),
    isReached: new Value(false),
    addresses: new Value<readonly string[]>([address]),
    whereabouts: new LoopbackWhereabouts(new Map(told.map(([id, host]) => [id, [host]]))),
  };
  return meeting;
}

/** Addresses of the loopback network are none of a node, but for these tests. */
class LoopbackWhereabouts extends Whereabouts {
  readonly #extra = new Map<string, string[]>();
  override hint({ nodeId, address }: { nodeId: string; address: string }): void {
    this.#extra.set(nodeId, [address, ...(this.#extra.get(nodeId) ?? [])].slice(0, 4));
  }
  override candidates(id: string): readonly string[] {
    return [...new Set([...super.candidates(id), ...(this.#extra.get(id) ?? [])])];
  }
}

function serving({ lock }: TestMember, meeting: Meeting, host: string) {
  return serveLock(lock, meeting, { host, port: PORT }, () => {});
}

async function eventually(isSo: () => boolean, limitMs = 8_000): Promise<boolean> {
  for (const limit = performance.now() + limitMs; performance.now() < limit; await Bun.sleep(20)) {
    if (isSo()) return true;
  }
  return false;
}

const placeOf = ({ whereabouts }: Meeting, { id }: TestMember) =>
  whereabouts.places.current?.get(id)?.join();

async function trio() {
  const [a, b, c] = await testMembers(3, 2);
  if (!a || !b || !c) throw new Error("no members");
  return { a, b, c };
}

test("members meet whom they know, and tell each other of the third", async () => {
  const { a, b, c } = await trio();
  // A stayed where it was; B and C know that, and nobody knows where those two are.
  const old: [string, string][] = [
    [a.id, "127.0.0.2"],
    [b.id, "127.0.0.3"],
    [c.id, "127.0.0.4"],
  ];
  const own = [
    [a, "127.0.0.2"],
    [b, "127.0.0.13"],
    [c, "127.0.0.14"],
  ] as const;
  const all = own.map(([member, host]) => meetingOf(member, host, old));
  const [atA, atB, atC] = all;
  if (!atA || !atB || !atC) throw new Error("no members");
  const servers = await Promise.all(
    own.map(([member, host], at) => serving(member, all[at] ?? atA, host)),
  );
  const supervisors = all.map((meeting) => testSupervisor(meetings(meeting, PORT)));
  const met = await eventually(
    () =>
      placeOf(atA, b) === "127.0.0.13" &&
      placeOf(atA, c) === "127.0.0.14" &&
      placeOf(atB, c) === "127.0.0.14" &&
      placeOf(atC, b) === "127.0.0.13",
  );
  expect(met).toBe(true);
  for (const each of [...supervisors, ...servers]) await each[Symbol.asyncDispose]();
});

/** Somebody who passes on whatever is said to him. */
function relay(host: string, to: string): Promise<Server> {
  const server = createServer((from) => {
    const onward = new Socket().connect(PORT, to);
    for (const socket of [from, onward]) socket.on("error", () => socket.destroy());
    from.pipe(onward).pipe(from);
  });
  return new Promise((resolve) => server.listen(PORT, host, () => resolve(server)));
}

test("a node that passes on what is said to another is not taken for it", async () => {
  const { a, b } = await trio();
  const atA = meetingOf(a, "127.0.0.2", []);
  const atB = meetingOf(b, "127.0.0.13", []);
  await using _ = await serving(b, atB, "127.0.0.13");
  const between = await relay("127.0.0.66", "127.0.0.13");
  atA.whereabouts.hint({ nodeId: b.id, address: "127.0.0.66" });
  await using _looking = testSupervisor(meetings(atA, PORT));
  // B says itself where it is, over the same relay, and is found there.
  expect(await eventually(() => placeOf(atA, b) === "127.0.0.13")).toBe(true);
  between.close();
});

test("a member that says it is at another's address does not get that", async () => {
  const { a, b, c } = await trio();
  const atA = meetingOf(a, "127.0.0.2", [[b.id, "127.0.0.3"]]);
  // C claims B's place: by where it serves, and by what it says of B.
  const atC = meetingOf(c, "127.0.0.3", []);
  atC.whereabouts.prove(b.id, ["127.0.0.14"]);
  await using _ = await serving(c, atC, "127.0.0.14");
  atA.whereabouts.hint({ nodeId: c.id, address: "127.0.0.14" });
  await using _looking = testSupervisor(meetings(atA, PORT));
  expect(await eventually(() => atA.whereabouts.candidates(b.id).length > 1)).toBe(true);
  await Bun.sleep(1_500);
  expect(placeOf(atA, b)).toBe("127.0.0.3");
  expect(placeOf(atA, c)).toBeUndefined();
});
