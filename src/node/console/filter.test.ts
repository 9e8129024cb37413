// What reaches the consoles.
import { expect, test } from "bun:test";
import { leveledEntry, rawEntry, type Severity } from "../../base/logtree/logtree.ts";
import { forConsole, isForConsole } from "./filter.ts";

test.each([
  ["root.enrolment", "info", true],
  ["root.network.interfaces.dhcp", "info", true],
  ["root.consensus.etcd", "info", false],
  ["root.consensus.etcd", "warning", false],
  ["root.consensus.etcd", "error", true],
  ["root.roles.fetch", "fatal", false],
  ["root.roles.fetch", "info", false],
  ["root.roles.heartbeat", "error", true],
  ["root.roles.mesh", "info", true],
  ["root.roles.renewal", "warning", true],
  ["root.roles.status", "info", true],
  ["root.rolesmith", "info", true],
  ["supervisor", "info", false],
  ["supervisor", "error", true],
  ["kernel", "error", false],
] as const)("isForConsole: %s %s is shown: %p", (dn, severity: Severity, isShown) => {
  expect(isForConsole(leveledEntry(dn, "text", { severity }))).toBe(isShown);
});

test("isForConsole keeps the lines of programs away", () => {
  expect(isForConsole(rawEntry("root.time", "chronyd starting"))).toBe(false);
});

test("forConsole shows the first line of what talkative parts say, and all of others", () => {
  const trace = "failed\nserver.go:1596\nproc.go:290";
  const lines = (dn: string) => {
    const shown = forConsole(leveledEntry(dn, trace, { severity: "error" }));
    return shown.kind === "leveled" ? shown.messages : [];
  };
  expect(lines("root.consensus")).toEqual(["failed"]);
  expect(lines("root.enrolment")).toHaveLength(3);
  const raw = rawEntry("root.consensus", "text");
  expect(forConsole(raw)).toBe(raw);
});
