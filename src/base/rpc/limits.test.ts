// The handbook tells these numbers to operators: it has to tell the true ones.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type Rate, type ServeLimits, smallLimits, usualLimits } from "./rpc.ts";

const chapter = join(import.meta.dirname, "../../handbook/identity-and-authentication.md");
const rows = (await Bun.file(chapter).text()).split("\n").filter((line) => line.startsWith("| "));

const count = (value: number) => value.toLocaleString("en-US");
const size = (bytes: number) => (bytes >= 1 << 20 ? `${bytes >> 20} MiB` : `${bytes >> 10} KiB`);
const rate = ({ burst, perSecond }: Rate) =>
  `${count(burst)} at once, then ${count(perSecond)} a second`;
const bytes = ({ burst, perSecond }: Rate) => `${size(burst)} at once, then ${size(perSecond)}/s`;

/** What a row of the table says of limits. */
const said: Readonly<Record<string, (limits: ServeLimits) => string>> = {
  "handshakes that go on; for one address; time for each": (limits) =>
    `${limits.handshakes}; ${limits.handshakesPerAddress}; ${limits.handshakeMs / 1_000} s`,
  "connections begun by one address": ({ connectionRate }) => rate(connectionRate),
  "besides, from addresses of nodes, and those from which a member has come within a day": (
    limits,
  ) => count(limits.knownHandshakes),
  "by such an address": ({ knownConnectionRate }) => rate(knownConnectionRate),
  "by all other addresses together": ({ totalConnectionRate }) => rate(totalConnectionRate),
  "connections of strangers; of one address": (limits) =>
    `${limits.strangers}; ${limits.strangersPerAddress}`,
  "a stranger's connection: without a call; in all": (limits) =>
    `closed after ${limits.strangerIdleMs / 1_000} s; after ${limits.strangerAgeMs / 60_000} min`,
  "a stranger's bytes, whatever they mean, on one connection": ({ strangerBytes }) =>
    bytes(strangerBytes),
  "of strangers of one address": ({ strangerBytesPerAddress }) => bytes(strangerBytesPerAddress),
  "of all strangers": ({ allStrangerBytes }) => bytes(allStrangerBytes),
  "calls of strangers at a time; of one address; on one connection": (limits) =>
    `${limits.strangerCalls}; ${limits.strangerCallsPerAddress}; ${limits.strangerCallsPerConnection}`,
  "calls begun by strangers of one address": ({ strangerCallRate }) => rate(strangerCallRate),
  "a stranger's call, a stream too": (limits) => `ends after ${limits.strangerCallMs / 1_000} s`,
  "longest request of a stranger; of a node; of a user": (limits) =>
    [limits.strangerRequestBytes, limits.nodeRequestBytes, limits.requestBytes]
      .map(size)
      .join("; "),
  "connections of members; under one certificate": (limits) =>
    `${count(limits.connections)}; ${limits.connectionsPerMember}`,
  "calls under one certificate; on one connection": (limits) =>
    `${count(limits.callsPerMember)}; ${limits.callsPerConnection}`,
  "calls under a node's certificate; begun under it": ({ callsPerNode, nodeCallRate }) =>
    `${callsPerNode}; ${rate(nodeCallRate)}`,
  "a member's connection without a call": (limits) => `closed after ${limits.idleMs / 60_000} min`,
};

test.each(Object.entries(said))("the handbook tells the truth of: %s", (name, text) => {
  const [usual, small] = [text(usualLimits), text(smallLimits)];
  expect(rows).toContain(`| ${name} | ${usual} | ${small === usual ? "the same" : small} |`);
});

test("a small port lets nobody take more than a usual one does", () => {
  for (const key of Object.keys(usualLimits) as (keyof ServeLimits)[]) {
    const [usual, small] = [usualLimits[key], smallLimits[key]];
    if (typeof usual === "number" && typeof small === "number") {
      expect(small).toBeLessThanOrEqual(usual);
    }
  }
});
