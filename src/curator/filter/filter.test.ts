// Tests of the node filter: what it keeps, what it refuses, and how soon.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { Node_Health, NodeSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import { nodeFilter } from "./filter.ts";

function node(pairs = [{ key: "zone", value: "a" }]) {
  return create(NodeSchema, {
    id: "metropolis-00",
    state: NodeState.UP,
    health: Node_Health.HEALTHY,
    roles: { kubernetesWorker: {} },
    timeSinceHeartbeat: { seconds: 3n },
    labels: { pairs },
  });
}

/** The code that a filter is refused with, at its making or its first use. */
function refusal(source: string): Code | undefined {
  try {
    nodeFilter(source)(node());
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
}

test.each([
  ["", true],
  ["  ", true],
  ["node.state == NODE_STATE_UP", true],
  ["node.state == NODE_STATE_NEW", false],
  ["has(node.roles.kubernetes_worker)", true],
  ["has(node.roles.consensus_member)", false],
  ["node.time_since_heartbeat < duration('6s')", true],
  ["node.time_since_heartbeat < duration('2s')", false],
  ["node.health == HEALTHY && node.id == 'metropolis-00'", true],
  ["node.health == HEARTBEAT_TIMEOUT", false],
  ["node.health == HEALTH_HEALTHY", true],
  ["node.health == HEALTH_HEARTBEAT_TIMEOUT", false],
  ["node.health == Node.Health.HEALTH_HEALTHY", true],
  ["node.health == metropolis.proto.api.Node.Health.HEALTH_HEALTHY", true],
  ["node.tpm_usage == metropolis.proto.common.NodeTPMUsage.NODE_TPM_USAGE_INVALID", true],
  ["node.health == Node.Health.HEALTHY", true],
  ["node.status.external_address == ''", true],
  ["has(node.status)", false],
  ["node.labels.pairs.exists(p, p.key == 'zone' && p.value == 'a')", true],
  ["node.labels.pairs.map(p, p.key) == ['zone']", true],
  [
    "node.labels.pairs.filter(p, p.key != '').map(p, p.key).map(k, k + 's').exists(k, k == 'zones')",
    true,
  ],
  ["'zone' in node.labels.pairs.map(p, p.key)", true],
  ["node.id.matches('^metropolis-[0-9a-f]{2}$')", true],
  ["node.id in ['metropolis-00', 'metropolis-01']", true],
  ["{'a': 1, 'b': 2}.exists(k, k == 'b')", true],
])("nodeFilter of `%s` gives %p", (source, expected) => {
  expect(nodeFilter(source)(node())).toBe(expected);
});

test.each([
  ["node.state ==", "a syntax error"],
  ["nodes.state == 1", "an unknown variable"],
  ["node.colour == 'red'", "an unknown field"],
  ["node.id", "a text as result"],
  ["node.state", "a number as result"],
  ["node.labels.pairs[5].key == 'a'", "an index out of range"],
  ["node.id.frobnicate()", "an unknown function"],
  ["1 / 0 == 1", "a division by zero"],
  ["google.protobuf.Duration{seconds: 1} == duration('1s')", "a message literal"],
])("nodeFilter refuses `%s`: %s", (source) => {
  expect(refusal(source)).toBe(Code.invalidArgument);
});

test("nodeFilter tells the names there are where it does not know one", () => {
  expect(() => nodeFilter("node.state == UP")(node())).toThrow(
    "filter: unresolved attribute: there are node, and NODE_STATE_NEW, NODE_STATE_STANDBY, " +
      "NODE_STATE_UP, NODE_STATE_DECOMMISSIONED, UNKNOWN, HEALTHY, HEARTBEAT_TIMEOUT",
  );
});

const list = `[${Array.from({ length: 200 }, (_, i) => i)}]`;
const doubling = (step: string) =>
  `[${step === "x+x" ? "'ab'" : "[1]"}]${`.map(x, ${step})`.repeat(60)}`;

test.each([
  ["a long source", `node.id == '${"a".repeat(5_000)}'`],
  ["deep parentheses", `${"(".repeat(1_500)}true${")".repeat(1_500)} && node.colour == 1`],
  ["deep lists", `${"[".repeat(2_000)}${"]".repeat(2_000)} == []`],
  ["deep negation", `${"!!".repeat(1_000)}node.colour`],
  ["many parts", `[${"1,".repeat(1_500)}1] == []`],
  ["deep selection", `node${".a".repeat(500)} == 1`],
  ["three nested loops", `${list}.all(x, [1].all(y, [1].all(z, true)))`],
  ["two loops over much", `${list}.all(x, ${list}.all(y, x * y >= 0))`],
  ["two loops with an error absorbed", `${list}.all(x, ${list}.all(y, 1/0 == 1 || true)) || true`],
  ["texts that double", `${doubling("x+x")} == []`],
  ["lists that double", `${doubling("x+x").replace("'ab'", "[1,2]")} == []`],
  ["lists that hold themselves twice", `${doubling("[x, x]")} == ${doubling("[x, x]")}`],
  ["maps that hold themselves twice", `${doubling("{1: x, 2: x}")} == []`],
  ["a long pattern", `node.id.matches('${"a".repeat(300)}')`],
  ["a pattern that repeats", "node.id.matches('((a{30}){30}){30}')"],
  ["patterns in a loop", `${list}.exists(x, 'aaaa'.matches('(\\\\pL){90}'))`],
  [
    "time zones in a loop",
    `${list}.all(x, ${list}.all(y, timestamp('2026-01-01T00:00:00Z').getHours('Europe/Berlin') < 24))`,
  ],
])("nodeFilter refuses %s at once", (_, source) => {
  const start = process.cpuUsage();
  expect(refusal(source)).toBe(Code.invalidArgument);
  // Of the processor: others may want it, too.
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1_000).toBeLessThan(3_000);
});

test("nodeFilter affords looking at every label of thousands of nodes", () => {
  const pairs = Array.from({ length: 16 }, (_, i) => ({ key: `key-${i}`, value: "v" }));
  const filter = nodeFilter("node.labels.pairs.exists(p, p.key == 'no')");
  const labelled = node(pairs);
  for (let i = 0; i < 5_000; i++) expect(filter(labelled)).toBe(false);
});
