// Tests of which lease counts first.
import { expect, test } from "bun:test";
import { Choice, type KeyedLease } from "./choice.ts";

/** A lease in words: interface, protocol, address if any, "routed" if it names a router. */
function lease(text: string): KeyedLease {
  const [name = "", protocol = "", ...rest] = text.split(" ");
  const family = protocol === "ipv4" ? "ipv4" : "ipv6";
  const addresses = rest.filter((word) => word !== "routed");
  const common = { interface: name, family, nameservers: [], timeServers: [] } as const;
  const hasRouter = rest.includes("routed");
  return { key: `${name} ${protocol}`, lease: { ...common, addresses, hasRouter } };
}

const unrouted = lease("eth0 ipv4 10.2.0.2");
const routed = lease("eth1 ipv4 10.1.0.2 routed");
const router6 = lease("eth1 router routed");
const six = lease("eth1 ipv6 fd00::2");

/** A choice with its own time, and the addresses in the order that it puts them. */
function chooser() {
  let now = 0;
  const choice = new Choice(() => now);
  return {
    order: (...leases: readonly KeyedLease[]) =>
      choice.order(leases).flatMap(({ addresses }) => addresses),
    pass: (seconds: number) => {
      now += seconds * 1_000;
    },
  };
}

test("Choice prefers what has a router, whatever its name", () => {
  const { order } = chooser();
  expect(order(unrouted)).toEqual(["10.2.0.2"]);
  expect(order(unrouted, routed)).toEqual(["10.1.0.2", "10.2.0.2"]);
});

test("Choice prefers IPv6 with a router to IPv4 without one; its router is told apart", () => {
  const { order } = chooser();
  expect(order(unrouted, six)).toEqual(["10.2.0.2", "fd00::2"]);
  expect(order(unrouted, six, router6)).toEqual(["fd00::2", "10.2.0.2"]);
});

test("Choice prefers IPv4 at a start, even where IPv6 comes a moment earlier", () => {
  const { order, pass } = chooser();
  expect(order(six, router6)).toEqual(["fd00::2"]);
  pass(5);
  expect(order(six, router6, routed)).toEqual(["10.1.0.2", "fd00::2"]);
});

test("Choice keeps what works: neither IPv4 nor an earlier name takes its place later", () => {
  const { order, pass } = chooser();
  order(six, router6);
  pass(60);
  expect(order(six, router6, routed)).toEqual(["fd00::2", "10.1.0.2"]);
  const earlier = lease("en0 ipv6 fd00::9 routed");
  expect(order(six, router6, routed, earlier)[0]).toBe("fd00::2");
});

test("Choice gives up what has lost its router or its lease, and stays with what replaced it", () => {
  const { order, pass } = chooser();
  const [one, two] = [lease("eth0 ipv4 10.1.0.2 routed"), lease("eth1 ipv4 10.3.0.2 routed")];
  expect(order(one, two)).toEqual(["10.1.0.2", "10.3.0.2"]);
  pass(60);
  expect(order(lease("eth0 ipv4 10.1.0.2"), two)).toEqual(["10.3.0.2", "10.1.0.2"]);
  pass(60);
  expect(order(one, two)).toEqual(["10.3.0.2", "10.1.0.2"]);
  expect(order(one)).toEqual(["10.1.0.2"]);
});

test("Choice is quick where both change at once: what is back at once has not settled", () => {
  const { order } = chooser();
  const [one, two] = [lease("eth0 ipv4 10.1.0.2 routed"), lease("eth1 ipv4 10.3.0.2 routed")];
  order(one, two);
  order(two);
  expect(order(one, two)).toEqual(["10.1.0.2", "10.3.0.2"]);
});
