// Tests of reading what the node tells its curator.
import { expect, test } from "bun:test";
import { parseAddressChange, parseSettings, SettingsError } from "./settings.ts";

const files = { ca: "/ca.pem", certificate: "/cert.pem", key: "/cert-key.pem" };

const complete = {
  nodeId: "metropolis-00",
  dn: "root.roles.curator",
  etcdSocket: "/run/metropolis/etcd/etcd.sock",
  socket: "/run/metropolis/curator.sock",
  credentials: files,
  listen: { host: "0.0.0.0", port: 7835 },
  addresses: [],
  open: false,
};

test("parseSettings reads what the node writes", () => {
  expect(parseSettings(JSON.stringify(complete))).toEqual(complete);
});

test("parseSettings ignores what it does not know, and takes the election's time limit", () => {
  const more = { ...complete, colour: "red", leaderTtlSeconds: 3 };
  expect(parseSettings(JSON.stringify(more))).toEqual({ ...complete, leaderTtlSeconds: 3 });
});

test.each(["nodeId", "dn", "etcdSocket", "socket", "credentials", "listen", "addresses"])(
  "parseSettings misses %s",
  (name) => {
    const line = JSON.stringify({ ...complete, [name]: undefined });
    expect(() => parseSettings(line)).toThrow(SettingsError);
  },
);

test.each([
  ["", "no JSON"],
  ["{", "half of it"],
  ["null", "nothing"],
  ["7", "a number"],
  [JSON.stringify({ ...complete, listen: { host: "::", port: "7835" } }), "a port as text"],
  [JSON.stringify({ ...complete, listen: { host: "::", port: -1 } }), "a negative port"],
  [JSON.stringify({ ...complete, credentials: { ca: "/ca.pem" } }), "half of the credentials"],
])("parseSettings refuses %j: %s", (line) => {
  expect(() => parseSettings(line)).toThrow(SettingsError);
});

test("parseSettings opens the port only where it is told to", () => {
  expect(parseSettings(JSON.stringify({ ...complete, open: "yes" })).open).toBe(false);
  expect(parseSettings(JSON.stringify({ ...complete, open: true })).open).toBe(true);
});

test("parseAddressChange reads an address, also none", () => {
  const both = '{"addresses":["10.0.0.1","fd00::1"]}';
  expect(parseAddressChange(both).addresses).toEqual(["10.0.0.1", "fd00::1"]);
  expect(parseAddressChange('{"addresses":[]}').addresses).toEqual([]);
  expect(() => parseAddressChange('{"addresses":"10.0.0.1"}')).toThrow("addresses");
  expect(() => parseAddressChange("{}")).toThrow(SettingsError);
});
