// Tests of where peers are dialled, with a clock that is set by hand.
import { expect, test } from "bun:test";
import { Endpoints } from "./endpoints.ts";
import type { MeshPeer } from "./peers.ts";
import { meshPeer } from "./test-peers.ts";

const nobody: ReadonlySet<string> = new Set();
const both = { ...meshPeer("a", 1), addresses: ["192.0.2.1", "198.51.100.1", "fd00::1"] };

/** Where this node dials, second by second. */
class Dialling {
  seconds = 0;
  own: readonly string[] = ["192.0.2.99"];
  readonly endpoints = new Endpoints(
    () => this.own,
    () => 1_000 * this.seconds,
  );

  /** Lets time pass, and looks every other second; gives what was dialled meanwhile, and when. */
  pass(seconds: number, peer: MeshPeer, answering = nobody): readonly string[] {
    const end = this.seconds + seconds;
    const dialled: string[] = [];
    while (this.seconds < end) {
      this.seconds += 1;
      const redials = this.endpoints.look([peer], answering);
      dialled.push(...redials.map(({ to }) => `${to} at ${this.seconds}`));
    }
    return dialled;
  }
}

test("Endpoints dial the next address after 15 seconds without an answer, then the first again", () => {
  const dialling = new Dialling();
  expect(dialling.endpoints.of(both)).toBe("192.0.2.1");
  expect(dialling.pass(14, both)).toEqual([]);
  expect(dialling.pass(20, both)).toEqual(["198.51.100.1 at 15", "192.0.2.1 at 30"]);
  expect(dialling.endpoints.of(both)).toBe("192.0.2.1");
});

test("Endpoints try all of both families where this node has both", () => {
  const dialling = new Dialling();
  dialling.own = ["192.0.2.99", "fd00::99"];
  dialling.endpoints.of(both);
  expect(dialling.pass(45, both)).toEqual([
    ...["198.51.100.1 at 15", "fd00::1 at 30", "192.0.2.1 at 45"],
  ]);
  dialling.own = ["fd00::99"];
  expect(new Endpoints(() => dialling.own, performance.now).of(both)).toBe("fd00::1");
});

test("Endpoints keep the address that works, and what the device knows of it", () => {
  const dialling = new Dialling();
  dialling.endpoints.of(both);
  dialling.pass(15, both);
  const answering = new Set([both.publicKey]);
  expect(dialling.pass(600, both, answering)).toEqual([]);
  // It may have called from somewhere else since.
  expect(dialling.endpoints.of(both)).toBeUndefined();
  expect(dialling.pass(15, both)).toEqual(["192.0.2.1 at 630"]);
});

test("Endpoints take longer with each round that nobody answers, and two minutes at most", () => {
  const dialling = new Dialling();
  const two = { ...both, addresses: both.addresses.slice(0, 2) };
  dialling.endpoints.of(two);
  const at = dialling.pass(1_000, two).map((text) => Number(text.split(" at ")[1]));
  expect(at).toEqual([15, 30, 60, 90, 150, 210, 330, 450, 570, 690, 810, 930]);
});

test("Endpoints say which addresses are tried for the first time", () => {
  const dialling = new Dialling();
  dialling.endpoints.of(both);
  const isNew: boolean[] = [];
  for (; dialling.seconds < 100; dialling.seconds++) {
    isNew.push(...dialling.endpoints.look([both], nobody).map((redial) => redial.isNew));
  }
  expect(isNew).toEqual([true, false, false, false]);
});

test("Endpoints leave a peer with one address alone", () => {
  const dialling = new Dialling();
  const one = meshPeer("b", 2);
  expect(dialling.endpoints.of(one)).toBe("192.0.2.2");
  expect(dialling.pass(600, one)).toEqual([]);
});

test("Endpoints dial a peer that has moved at once, even if it answered a moment ago", () => {
  const dialling = new Dialling();
  dialling.endpoints.of(both);
  dialling.pass(2, both, new Set([both.publicKey]));
  const moved = { ...both, addresses: ["192.0.2.51"] };
  expect(dialling.endpoints.of(moved)).toBe("192.0.2.51");
});

test("Endpoints dial a peer anew that the device has lost, even if it answered a moment ago", () => {
  const dialling = new Dialling();
  dialling.endpoints.of(both);
  dialling.pass(2, both, new Set([both.publicKey]));
  dialling.endpoints.retain([]);
  expect(dialling.endpoints.of(both)).toBe("192.0.2.1");
});
