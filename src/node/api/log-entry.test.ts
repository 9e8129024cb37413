// Entries on the wire, and that a client reads back what was logged.
import { expect, test } from "bun:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { leveledEntry, rawEntry, type Severity } from "../../base/logtree/logtree.ts";
import { LogEntrySchema } from "../../gen/osbase/logtree/proto/logtree_pb.ts";
import { toLogEntry } from "./log-entry.ts";

const time = new Date("2022-07-07T10:42:07.001Z");

test("toLogEntry keeps the microseconds of a leveled entry", () => {
  const entry = leveledEntry("root.time", "text", { time, micros: 23, file: "a.ts", line: 7 });
  const { kind } = toLogEntry(entry);
  expect(kind.value).toMatchObject({
    timestamp: { seconds: 1_657_190_527n, nanos: 1_023_000 },
    location: "a.ts:7",
    lines: ["text"],
  });
});

test("toLogEntry gives a location that is `file:number`, whatever the file is called", () => {
  const entry = leveledEntry("a", "text", { file: "C:\\odd:name", line: 3 });
  expect(toLogEntry(entry).kind.value).toMatchObject({ location: "C_\\odd_name:3" });
});

test.each([
  ["info", 1],
  ["warning", 2],
  ["error", 3],
  ["fatal", 4],
] as const)("toLogEntry: %s is %i on the wire", (severity: Severity, number) => {
  expect(toLogEntry(leveledEntry("a", "b", { severity })).kind.value).toMatchObject({
    severity: number,
  });
});

test("toLogEntry tells how long a line was that had to be cut", () => {
  const { kind } = toLogEntry({ ...rawEntry("a", "cut"), originalLength: 5_000 });
  expect(kind.value).toMatchObject({ data: "cut", originalLength: 5_000n });
});

test("toLogEntry makes of any text what protobuf can carry, line by line", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.boolean(), (text, isRaw) => {
      const entry = isRaw ? rawEntry("a", text) : leveledEntry("a", text);
      const sent = toLogEntry(entry);
      const back = fromBinary(LogEntrySchema, toBinary(LogEntrySchema, sent));
      expect(back).toEqual(sent);
    }),
    { numRuns: 200 },
  );
});
