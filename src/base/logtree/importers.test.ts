// Tests of the importers: lines of klog, zap and the kernel.
import { expect, test } from "bun:test";
import type { Entry } from "./entry.ts";
import { parseKlog } from "./klog.ts";
import { bootTime, parseKmsg } from "./kmsg.ts";
import { lineImporter, parsePlain } from "./line-importer.ts";
import { LogTree } from "./tree.ts";
import { parseZap } from "./zap.ts";

const now = new Date("2022-02-28T14:00:00Z");

/** The moment of an entry in ISO form with microseconds. */
function stamp(entry: Entry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  return entry.time.toISOString().replace("Z", String(entry.micros).padStart(3, "0"));
}

/** A klog line with a date and time. */
function klog(when: string): string {
  return `I${when}.996960    1234 server.go:252] Starting`;
}

test("parseKlog reads severity, time, place and text", () => {
  const entry = parseKlog("W0228 13:30:45.996960    1234 server.go:252] Disk: full]", "k8s", now);
  expect(entry).toEqual({
    kind: "leveled",
    dn: "k8s",
    severity: "warning",
    time: new Date("2022-02-28T13:30:45.996Z"),
    micros: 960,
    file: "server.go",
    line: 252,
    messages: ["Disk: full]"],
  });
});

test.each([
  ["I", "info"],
  ["W", "warning"],
  ["E", "error"],
  ["F", "fatal"],
])("parseKlog reads %s as %s", (letter, severity) => {
  const line = klog("0228 13:30:45").replace(/^I/, letter);
  expect(parseKlog(line, "k8s", now)).toMatchObject({ severity });
});

test.each([
  // line's date, our time, expected
  ["0228 13:30:45", "2022-02-28T14:00:00Z", "2022-02-28T13:30:45.996960"],
  ["0228 14:30:45", "2022-02-28T14:00:00Z", "2022-02-28T14:30:45.996960"],
  ["0101 00:00:00", "2022-02-28T14:00:00Z", "2022-01-01T00:00:00.996960"],
  ["1231 23:59:59", "2022-01-01T00:00:01Z", "2021-12-31T23:59:59.996960"],
  ["0101 00:00:01", "2021-12-31T23:59:59Z", "2022-01-01T00:00:01.996960"],
  ["0229 12:00:00", "2024-02-29T12:00:01Z", "2024-02-29T12:00:00.996960"],
])("parseKlog infers the year of %s at %s", (when, at, expected) => {
  expect(stamp(parseKlog(klog(when), "k8s", new Date(at)))).toBe(expected);
});

test.each([
  "0228 15:30:45",
  "0601 12:00:00",
  "0230 12:00:00",
  "1301 12:00:00",
  "0000 12:00:00",
  "0228 24:00:00",
  "0228 13:60:00",
])("parseKlog refuses the date %s", (when) => {
  expect(parseKlog(klog(when), "k8s", now)).toBeUndefined();
});

test.each([
  "",
  "panic: oh no",
  "I0228 13:30:45 server.go:252] x",
  "X0228 13:30:45.996960 1 a:1] x",
])("parseKlog refuses %j", (line) => {
  expect(parseKlog(line, "k8s", now)).toBeUndefined();
});

test("parseZap reads severity, time, place, text and fields", () => {
  const line = JSON.stringify({
    level: "warn",
    ts: "2022-02-28T13:30:45.996960Z",
    caller: "etcdserver/util.go:123",
    msg: "apply took too long",
    took: "101ms",
    "expected-duration": "100ms",
    peers: [1, 2],
  });
  expect(parseZap(line, "etcd", now)).toEqual({
    kind: "leveled",
    dn: "etcd",
    severity: "warning",
    time: new Date("2022-02-28T13:30:45.996Z"),
    micros: 960,
    file: "util.go",
    line: 123,
    messages: ['apply took too long took="101ms" expected-duration="100ms" peers=[1,2]'],
  });
});

test.each([
  ["2022-02-28T13:30:45.996Z", "2022-02-28T13:30:45.996000"],
  ["2022-02-28T13:30:45.996+0100", "2022-02-28T12:30:45.996000"],
  ["2022-02-28T13:30:45.996960-05:30", "2022-02-28T19:00:45.996960"],
  [1_646_055_045.5, "2022-02-28T13:30:45.500000"],
  ["yesterday", "2022-02-28T14:00:00.000000"],
  [null, "2022-02-28T14:00:00.000000"],
])("parseZap reads the time %j", (ts, expected) => {
  expect(stamp(parseZap(JSON.stringify({ level: "info", ts, msg: "x" }), "etcd", now))).toBe(
    expected,
  );
});

test("parseZap names the logger and keeps the stack as further lines", () => {
  const record = { level: "panic", logger: "raft", msg: "boom ", stacktrace: "a()\n\tb.go:1" };
  expect(parseZap(JSON.stringify(record), "etcd", now)).toMatchObject({
    severity: "fatal",
    file: "unknown",
    line: 0,
    messages: ["raft: boom", "a()", "\tb.go:1"],
  });
});

test.each(["", "{", "plain", "[]", "{}", '{"level":"loud","msg":"x"}', '{"level":"info","msg":1}'])(
  "parseZap refuses %j",
  (line) => {
    expect(parseZap(line, "etcd", now)).toBeUndefined();
  },
);

test("parseKmsg reads level, time since boot and the first line", () => {
  const record = "6,339,5140900,-;NET: Registered protocol family 10\n SUBSYSTEM=net\n";
  const booted = new Date("2022-02-28T13:30:00Z");
  const entry = parseKmsg(record, "kernel", booted);
  expect(entry).toMatchObject({
    severity: "info",
    messages: ["NET: Registered protocol family 10"],
  });
  expect(stamp(entry)).toBe("2022-02-28T13:30:05.140900");
});

test.each([
  [0, "fatal"],
  [1, "fatal"],
  [2, "error"],
  [3, "error"],
  [4, "warning"],
  [5, "info"],
  [7, "info"],
  [30, "info"],
  [28, "warning"],
])("parseKmsg reads priority %d as %s", (priority, severity) => {
  expect(parseKmsg(`${priority},1,2,-;x`, "kernel", now)).toMatchObject({ severity });
});

test.each(["", "x", "6,1,-;x", "6;x", "a,1,2,-;x"])("parseKmsg refuses %j", (record) => {
  expect(parseKmsg(record, "kernel", now)).toBeUndefined();
});

test("bootTime lies in the past and stands still", async () => {
  const first = bootTime().getTime();
  expect(first).toBeLessThan(Date.now());
  expect(Math.abs(bootTime().getTime() - first)).toBeLessThan(1_000);
});

test("lineImporter logs what the parser refuses as an error", () => {
  const tree = new LogTree();
  const feed = lineImporter(tree, "k8s", parseKlog);
  feed("panic: oh no");
  expect(tree.read({ dn: "k8s", backlog: 1 }).backlog[0]).toMatchObject({
    kind: "leveled",
    severity: "error",
    messages: ["panic: oh no"],
  });
});

test("parsePlain takes every line raw", () => {
  expect(parsePlain("any", "root.time", now)).toMatchObject({ kind: "raw", text: "any" });
});
