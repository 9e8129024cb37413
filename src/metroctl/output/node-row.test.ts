// Nodes as rows, and as facts to decide by.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { shortFingerprint } from "../../base/pki/node-id.ts";
import {
  ConsensusStatus,
  Node_Health,
  NodeSchema,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState, NodeTPMUsage } from "../../gen/metropolis/proto/common/common_pb.ts";
import { nodeColumns, nodeRecord, nodeRow } from "./node-row.ts";
import { printable } from "./printable.ts";
import { waitingFacts } from "./waiting-node.ts";

const node = create(NodeSchema, {
  id: "metropolis-0123",
  state: NodeState.UP,
  health: Node_Health.HEALTHY,
  status: {
    externalAddress: "10.1.0.2",
    version: { release: { major: 0n, minor: 1n, patch: 2n } },
    bootId: Uint8Array.of(0x0b, 0xad, 0xca, 0xfe),
    troubles: ["the clock is wrong", "disk /dev/vdb: \u001b[31mEIO"],
  },
  roles: { kubernetesController: {}, consensusMember: {} },
  tpmUsage: NodeTPMUsage.NODE_TPM_USAGE_PRESENT_AND_USED,
  timeSinceHeartbeat: { seconds: 3n, nanos: 900_000_000 },
  labels: {
    pairs: [
      { key: "a", value: "1" },
      { key: "b", value: "" },
    ],
  },
  consensusStatus: ConsensusStatus.VOTER,
});

test("nodeRow fills the original's columns as the original does, then ours", () => {
  const row = nodeRow(node);
  expect(nodeColumns.map((name) => [name, row[name]])).toEqual([
    ["node id", "metropolis-0123"],
    ["state", "UP"],
    ["address", "10.1.0.2"],
    ["health", "HEALTHY"],
    ["roles", "ConsensusMember,KubernetesController"],
    ["tpm", "yes"],
    ["version", "0.1.2"],
    ["heartbeat", "3s"],
    ["labels", "a:1,b:"],
    ["consensus", "voter"],
    ["boot id", "0badcafe"],
    ["troubles", "the clock is wrong; disk /dev/vdb: \ufffd[31mEIO"],
  ]);
});

test("nodeRow bears a node that says nothing", () => {
  const row = nodeRow(create(NodeSchema, {}));
  expect(row).toMatchObject({ address: "unknown", tpm: "unk", roles: "", heartbeat: "0s" });
  expect(row).toMatchObject({ consensus: "", "boot id": "", fingerprint: "", hardware: "" });
  expect(row).not.toHaveProperty("version");
});

test("nodeRow says never where the cluster gives the greatest duration", () => {
  const timeSinceHeartbeat = { seconds: 315_576_000_000n };
  expect(nodeRow(create(NodeSchema, { timeSinceHeartbeat })).heartbeat).toBe("never");
});

test("nodeRecord keeps all of it", () => {
  expect(nodeRecord(node)).toMatchObject({
    consensusStatus: "CONSENSUS_STATUS_VOTER",
    status: { bootId: "C63K/g==", version: { release: { minor: "1" } } },
    labels: { pairs: [{ key: "a", value: "1" }, { key: "b" }] },
  });
});

const pubkey = Uint8Array.from({ length: 32 }, (_, index) => index);
const now = new Date("2026-11-23T12:00:00Z");
const ago = (seconds: number) => ({ seconds: BigInt(now.getTime() / 1000 - seconds) });

test("waitingFacts begins with the fingerprint of the key, whatever the cluster says it is", () => {
  const registration = { fingerprint: "0000-0000-0000", address: "fd00::7", time: ago(7_300) };
  const facts = waitingFacts(create(NodeSchema, { pubkey, registration }), now);
  expect(facts).toEqual([
    `fingerprint: ${shortFingerprint(pubkey)}`,
    "address:     fd00::7",
    "hardware:    unknown",
    "TPM:         unknown",
    "asked:       2026-11-23 09:58:20 UTC (2 hours ago)",
  ]);
});

test.each([
  [0, "0 seconds ago"],
  [1, "1 second ago"],
  [60, "1 minute ago"],
  [-5, "0 seconds ago"],
  [200_000, "2 days ago"],
])("waitingFacts: %d seconds are %s", (seconds, text) => {
  const node = create(NodeSchema, { registration: { time: ago(seconds) } });
  expect(waitingFacts(node, now).at(-1)).toEndWith(`(${text})`);
});

test.each([
  [{ vendor: "QEMU" }, "QEMU"],
  [{ model: "Q35", serial: "7" }, "Q35, serial 7"],
  [{ serial: "7" }, "serial 7"],
])("waitingFacts names hardware as far as it is known: %p", (hardware, text) => {
  const node = create(NodeSchema, { registration: { hardware } });
  expect(waitingFacts(node, now)[2]).toBe(`hardware:    ${text}`);
});

test("printable leaves nothing that moves, hides or turns around", () => {
  expect(printable("a\tb ü€")).toBe("a\tb ü€");
  expect(printable("a\u001b[2J\n\u009b1A\u202ecba")).toBe("a�[2J��1A�cba");
});
