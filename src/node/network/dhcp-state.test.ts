// The DHCP client's states, read from what dhcpcd 10 prints.
import { expect, test } from "bun:test";
import { DhcpStates } from "./dhcp-state.ts";

/** A first lease, as dhcpcd tells it. */
const session = [
  "dhcpcd-10.1.0 starting",
  "DUID 00:04:3a:bd",
  "eth0: waiting for carrier",
  "eth0: carrier acquired",
  "eth0: IAID 00:4d:00:01",
  "eth0: soliciting a DHCP lease",
  "eth0: soliciting an IPv6 router",
  "eth0: offered 10.1.0.2 from 10.1.0.1",
  "eth0: leased 10.1.0.2 for 3600 seconds",
  "eth0: adding route to 10.1.0.0/24",
];

function transitions(states: DhcpStates, lines: readonly string[]) {
  return lines.map((line) => states.read(line)).filter((text) => text !== undefined);
}

test("DhcpStates tells the transitions of the handbook", () => {
  expect(transitions(new DhcpStates(), session)).toEqual([
    "DISCOVERING => REQUESTING",
    "REQUESTING => BOUND",
  ]);
});

test("DhcpStates tells renewal and its failure", () => {
  const states = new DhcpStates();
  transitions(states, session);
  const later = ["eth0: renewing lease of 10.1.0.2", "eth0: leased 10.1.0.2 for 3600 seconds"];
  expect(transitions(states, later)).toEqual(["BOUND => RENEWING", "RENEWING => BOUND"]);
  expect(transitions(states, ["eth0: carrier lost"])).toEqual(["BOUND => DISCOVERING"]);
});

test("DhcpStates tells a transition once, whoever noticed it", () => {
  const states = new DhcpStates();
  transitions(states, session);
  expect(states.enter("eth0", "BOUND")).toBeUndefined();
});

test("DhcpStates keeps interfaces apart", () => {
  const states = new DhcpStates();
  transitions(states, session);
  expect(states.enter("eth1", "BOUND")).toBe("DISCOVERING => BOUND");
  expect(states.enter("eth0", "RENEWING")).toBe("BOUND => RENEWING");
});

test("DhcpStates ignores lines that speak of nothing", () => {
  expect(transitions(new DhcpStates(), ["", "leased", ": leased", "a b: leased 1"])).toEqual([]);
});
