// A node that waits for approval, as an operator has to see it in order to decide.
import type { Node } from "../../gen/metropolis/proto/api/management_pb.ts";
import { fingerprintOf, hardwareText, timeText } from "./node-words.ts";
import { printable } from "./printable.ts";
import { ago } from "./time-words.ts";

const tpm: Readonly<Record<Node["tpmUsage"], string>> = {
  0: "unknown",
  1: "none",
  2: "present, not used",
  3: "present and used",
};

/**
 * What is known of the node, one fact a line, the fingerprint first: the machine's
 * console shows the same one. All else is the machine's own word.
 */
export function waitingFacts(node: Node, now: Date = new Date()): readonly string[] {
  const { registration, labels } = node;
  const pairs = (labels?.pairs ?? []).map(({ key, value }) => `${key}=${value}`).join(" ");
  const facts: readonly (readonly [string, string])[] = [
    ["fingerprint", fingerprintOf(node)],
    ["address", printable(registration?.address ?? "") || "unknown"],
    ["hardware", hardwareText(registration?.hardware) || "unknown"],
    ["TPM", tpm[node.tpmUsage] ?? "unknown"],
    ["asked", askedText(node, now) || "unknown"],
    ...(pairs === "" ? [] : [["labels", printable(pairs)] as const]),
  ];
  return facts.map(([name, value]) => `${`${name}:`.padEnd(13)}${value}`);
}

function askedText({ registration }: Node, now: Date): string {
  const time = registration?.time;
  if (time === undefined) return "";
  return `${timeText(time)} (${ago(now.getTime() / 1000 - Number(time.seconds))})`;
}
