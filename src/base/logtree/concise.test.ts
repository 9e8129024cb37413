// Tests of the concise text form.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { formatConcise } from "./concise.ts";
import { type Entry, leveledEntry, rawEntry } from "./entry.ts";

/** The DN column of a concise line. */
function column(dn: string, maxWidth: number): string {
  return formatConcise(rawEntry(dn, "x"), maxWidth).replace(/ R x$/, "");
}

test.each([
  ["root.network.interfaces.dhcp", "net ifaces dhcp"],
  ["root.time", "time"],
  ["root", "?"],
  ["init", "init"],
  ["root.role.controlplane.launcher.consensus.etcd", "cplane etcd"],
  ["root.roles.consensus.curator.supervisor", "consensus supervisor"],
  ["root.roles.consensus", "consensus"],
  ["root.roles", "roles"],
  ["root.kubernetes.controller-manager", "k8s controllers"],
  ["root.one.two.three.four.five.six", "...ree four five six"],
])("formatConcise shortens %s to %s", (dn, short) => {
  expect(column(dn, 120)).toBe(short.padStart(20));
});

test.each([
  [0, "                time"],
  [120, "                time"],
  [80, "                time"],
  [79, "            time"],
  [60, "            time"],
])("formatConcise at width %d has the column %j", (width, expected) => {
  expect(column("root.time", width)).toBe(expected);
});

test("formatConcise leaves the DN out where it is narrow", () => {
  expect(formatConcise(leveledEntry("root.time", "Clock set"), 59)).toBe("I Clock set");
});

test("formatConcise wraps between words and marks what follows", () => {
  const entry = leveledEntry("root.time", "a long story about two clocks that never agree", {
    severity: "warning",
  });
  expect(formatConcise(entry, 20)).toBe(
    ["W a long story about", "| two clocks that", "| never agree"].join("\n"),
  );
  const wide = formatConcise(leveledEntry("root.time", `${"word ".repeat(20)}end`), 80);
  expect(wide.split("\n").map((line) => line.slice(0, 24))).toEqual([
    "                time I w",
    "                     | w",
  ]);
});

test("formatConcise joins lines of a message and drops empty ones", () => {
  expect(formatConcise(leveledEntry("root.time", "one\n\n  \ntwo"), 40)).toBe("I one\n| two");
  expect(formatConcise(leveledEntry("root.time", ""), 40)).toBe("I ");
});

test("formatConcise does not wrap without a limit", () => {
  const text = "word ".repeat(100).trim();
  expect(formatConcise(rawEntry("root.time", text), 0)).toBe(`${" ".repeat(16)}time R ${text}`);
});

test("formatConcise keeps to the width and loses no word", () => {
  const unit = fc.constantFrom("a", "b", "c", "ä", "😀");
  const word = fc.string({ unit, minLength: 1, maxLength: 40 });
  const words = fc.array(word, { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(words, fc.integer({ min: 30, max: 120 }), (list, width) => {
      const entry: Entry = leveledEntry("root.network", list.join(" "));
      const lines = formatConcise(entry, width).split("\n");
      for (const line of lines) expect([...line].length).toBeLessThanOrEqual(width);
      const prefix = width >= 80 ? 23 : width >= 60 ? 19 : 2;
      const back = lines.map((line) => line.slice(prefix)).join("");
      expect(back.replaceAll(" ", "")).toBe(list.join(""));
    }),
  );
});
