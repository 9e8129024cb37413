// Tests of the enrolment machine by transcripts: each file in transcripts/ is a list of
// events, each followed by all that the machine answers. To record them anew, run with
// RECORD=1 and review the difference.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { begin, type Event, next, type State, type Transition } from "./machine.ts";

const folder = join(import.meta.dir, "transcripts");

/** `found bootstrap sealed recovery`, `succeeded`, `failed some reason | some advice`. */
function parseEvent(line: string): Event {
  const [kind = "", ...words] = line.split(" ");
  if (kind === "succeeded") return { kind };
  if (kind === "failed") {
    const [reason = "", advice] = words.join(" ").split(" | ");
    return { kind, reason, ...(advice === undefined ? {} : { advice }) };
  }
  const parameters = (["bootstrap", "restore", "register"] as const).find((word) =>
    words.includes(word),
  );
  return {
    kind: "found",
    findings: {
      hasSealedConfiguration: words.includes("sealed"),
      parameters: parameters ?? "none",
    },
  };
}

function show({ state, step, notes }: Transition): string {
  const lines = notes.map(({ severity, text }) => `  ${severity}: ${text}`);
  return [...lines, step === undefined ? `  ${state.kind}` : `  do ${step}`].join("\n");
}

/** Plays the events of a transcript and gives the whole transcript. */
function play(transcript: string): string {
  const output = ["begin", show(begin())];
  let state: State = begin().state;
  for (const line of transcript.split("\n")) {
    if (line === "" || line === "begin" || line.startsWith(" ")) continue;
    const transition = next(state, parseEvent(line));
    state = transition.state;
    output.push(line, show(transition));
  }
  return `${output.join("\n")}\n`;
}

test.each(readdirSync(folder))("machine follows the transcript %s", (name) => {
  const path = join(folder, name);
  const played = play(readFileSync(path, "utf8"));
  if (process.env.RECORD === "1") writeFileSync(path, played);
  expect(played).toBe(readFileSync(path, "utf8"));
});

/** The steps that the machine asks for when each succeeds. */
function steps(findings: string): readonly string[] {
  const asked: string[] = [];
  let transition = next(begin().state, parseEvent(findings));
  while (transition.step !== undefined) {
    asked.push(transition.step);
    transition = next(transition.state, { kind: "succeeded" });
  }
  return asked;
}

test("machine opens the control plane only after the commit point", () => {
  const asked = steps("found bootstrap");
  expect(asked.indexOf("commit")).toBeLessThan(asked.indexOf("open"));
  expect(asked.indexOf("commit")).toBeGreaterThan(asked.indexOf("cluster"));
});

test("machine asks for admission only with keys that are kept, and erases them after it", () => {
  const asked = steps("found register");
  const order = ["keys", "register", "approval", "commit", "clean", "open"];
  expect(asked.filter((step) => order.includes(step))).toEqual(order);
});

test("machine never makes storage anew when there is a sealed configuration", () => {
  for (const parameters of ["", "bootstrap", "register"]) {
    expect(steps(`found ${parameters} sealed`)).not.toContain("storage");
  }
});

test("machine refuses events that make no sense", () => {
  expect(() => next({ kind: "done" }, { kind: "succeeded" })).toThrow("state done was told");
  expect(() => next({ kind: "inspecting" }, { kind: "succeeded" })).toThrow("was told succeeded");
});
