// Tests of the standard text form, against the handbook's own lines.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { leveledEntry, rawEntry, type Severity } from "./entry.ts";
import { formatEntry, printable } from "./text.ts";

/** A leveled entry of the day of the handbook's example. */
function entry(dn: string, seconds: string, micros: number, place: string, text: string) {
  const time = new Date(`2022-02-28T13:30:${seconds}Z`);
  const [file = "", line] = place.split(":");
  return leveledEntry(dn, text, { time, micros, file, line: Number(line) });
}

test("formatEntry prints lines as the handbook does", () => {
  const entries = [
    entry(
      "root.enrolment",
      "45.996",
      960,
      "cluster_bootstrap.go:48",
      "Bootstrapping: mounting new storage...",
    ),
    entry(
      "root.network.interfaces",
      "45.997",
      359,
      "main.go:252",
      "Starting network interface management",
    ),
    rawEntry("root.time", "2022-02-28T13:30:45Z chronyd version 4.1-monogon starting"),
    entry(
      "root.network.interfaces.dhcp",
      "46.006",
      82,
      "dhcpc.go:632",
      "DISCOVERING => REQUESTING",
    ),
    entry("root.network.interfaces.dhcp", "46.008", 871, "dhcpc.go:632", "REQUESTING => BOUND"),
  ];
  const blanks = (count: number) => " ".repeat(count);
  expect(entries.map(formatEntry)).toEqual([
    `root.enrolment${blanks(19)}I0228 13:30:45.996960 cluster_bootstrap.go:48] Bootstrapping: mounting new storage...`,
    `root.network.interfaces${blanks(10)}I0228 13:30:45.997359 main.go:252] Starting network interface management`,
    `root.time${blanks(24)}R 2022-02-28T13:30:45Z chronyd version 4.1-monogon starting`,
    `root.network.interfaces.dhcp${blanks(5)}I0228 13:30:46.006082 dhcpc.go:632] DISCOVERING => REQUESTING`,
    `root.network.interfaces.dhcp${blanks(5)}I0228 13:30:46.008871 dhcpc.go:632] REQUESTING => BOUND`,
  ]);
});

test("formatEntry repeats the prefix on each line of a message", () => {
  const text = formatEntry(entry("init", "01.002", 3, "init.ts:7", "\none\n\ntwo\n\n"));
  const prefix = `init${" ".repeat(29)}I0228 13:30:01.002003 init.ts:7] `;
  expect(text).toBe(`${prefix}one\n${prefix}\n${prefix}two`);
});

test("formatEntry lets long DNs push the rest to the right", () => {
  const dn = "root.roles.controlplane.launcher.consensus";
  expect(formatEntry(rawEntry(dn, "x"))).toBe(`${dn} R x`);
});

test.each<[Severity, string]>([
  ["info", "I"],
  ["warning", "W"],
  ["error", "E"],
  ["fatal", "F"],
])("formatEntry shows %s as %s", (severity, letter) => {
  expect(formatEntry(leveledEntry("a", "x", { severity }))[33]).toBe(letter);
});

test("formatEntry marks lines that were cut", () => {
  const cut = { ...rawEntry("a", "äöü"), originalLength: 2_000 };
  expect(formatEntry(cut)).toEndWith(" R äöü...");
  expect(formatEntry(rawEntry("a", "äöü"))).toEndWith(" R äöü");
});

test("formatEntry lets no escape sequence reach a terminal", () => {
  expect(formatEntry(rawEntry("a", "\x1b[2J\x9b\r\x00\tü"))).toEndWith(
    " R \\x1b[2J\\x9b\\x0d\\x00\tü",
  );
  expect(formatEntry(leveledEntry("a", "\x1b]0;title\x07"))).toEndWith("] \\x1b]0;title\\x07");
});

test("printable leaves no control character but tabs", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
    }),
  );
});

test("leveledEntry keeps text bounded and well-formed", () => {
  const cut = leveledEntry("a", `${"x".repeat(16_383)}😀 and more`);
  expect(cut.messages).toEqual([`${"x".repeat(16_383)}...`]);
  expect(leveledEntry("a", "half \ud83d pair").messages).toEqual(["half \ufffd pair"]);
});

test("leveledEntry always has a message", () => {
  expect(leveledEntry("a", "").messages).toEqual([""]);
  expect(leveledEntry("a", "\n\n").messages).toEqual([""]);
  expect(leveledEntry("a", "one\r\ntwo").messages).toEqual(["one", "two"]);
});
