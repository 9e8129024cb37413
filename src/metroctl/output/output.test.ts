// What metroctl prints: tables, cells, errors, times, progress, completion.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { formatEntry } from "../../base/logtree/logtree.ts";
import { run } from "../../base/process/process.ts";
import { Code, NoConnectionError, RpcError } from "../../base/rpc/rpc.ts";
import { LogEntrySchema } from "../../gen/osbase/logtree/proto/logtree_pb.ts";
import { completionScript } from "./completion-script.ts";
import { errorLine } from "./error-line.ts";
import { fromLogEntry } from "./log-entry.ts";
import { timestamp } from "./message.ts";
import { percent, progressBar } from "./progress.ts";
import { columnsOf, renderTable } from "./table.ts";

const folder = mkdtempSync(join(tmpdir(), "output-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("renderTable pads to the widest cell and three blanks", () => {
  const rows = [
    { a: "1", b: "x" },
    { a: "longer", c: "y" },
  ];
  expect(columnsOf(rows)).toEqual(["a", "b", "c"]);
  expect(renderTable(rows, ["a", "b", "c"])).toBe(
    ["A        B   C", "1        x", "longer       y"].join("\n"),
  );
});

test("errorLine joins causes, tells codes and says what next", () => {
  const cause = new NoConnectionError("no connection");
  const line = errorLine(new TypeError("read nodes", { cause }));
  expect(line).toBe(
    "read nodes: no connection (unavailable): is the node up, and the address right?",
  );
  expect(errorLine("text")).toBe("text");
  expect(errorLine(new TypeError("a: b", { cause: new TypeError("b") }))).toBe("a: b");
});

test("errorLine asks about the address only where nobody was reached", () => {
  expect(errorLine(new RpcError(Code.unavailable, "lost the majority"))).toBe(
    "lost the majority (unavailable): try again in a moment",
  );
});

test("errorLine tells what a call was refused with once", () => {
  const cause = new RpcError(Code.unimplemented, "10.1.0.2:7835 does not lead");
  expect(errorLine(cause)).toBe(
    "10.1.0.2:7835 does not lead (unimplemented): are most members of the control plane up?",
  );
  const message = "10.1.0.2:7835 does not lead; then no leader in time";
  expect(errorLine(new RpcError(Code.unavailable, message, { cause }))).toBe(
    `${message} (unavailable): try again in a moment`,
  );
});

test("timestamp is that of Go's log package", () => {
  expect(timestamp(new Date(2022, 6, 7, 9, 5, 3))).toBe("2022/07/07 09:05:03");
});

test("fromLogEntry turns entries back, without what would move a cursor", () => {
  const entry = create(LogEntrySchema, {
    dn: "root.time",
    kind: {
      case: "leveled",
      value: {
        lines: ["one\u001b[2J", "two"],
        severity: 2,
        location: "time.ts:7",
        timestamp: { seconds: 1_646_055_045n, nanos: 996_960_000 },
      },
    },
  });
  const text = formatEntry(fromLogEntry(entry));
  expect(text).toMatch(/^root\.time {24}W\d{4} \d\d:\d\d:45\.996960 time\.ts:7\] one�\[2J\n/);
  const raw = create(LogEntrySchema, { dn: "a", kind: { case: "raw", value: { data: "x" } } });
  expect(formatEntry(fromLogEntry(raw))).toContain("R ");
});

test("percent stays between 0 and 100", () => {
  expect([percent(0, 0), percent(1, 3), percent(9, 3)]).toEqual(["100 %", "33 %", "100 %"]);
});

test("progressBar is silent where nobody looks", () => {
  using bar = progressBar(
    process.stderr.isTTY ? ({ isTTY: false } as NodeJS.WriteStream) : process.stderr,
  );
  expect(bar.update({ step: "x", done: 1, total: 2 })).toBeUndefined();
});

test("completionScript completes in a real bash", async () => {
  const table = [
    { path: [], words: ["node", "approve"] },
    { path: ["node"], words: ["list", "logs", "describe"] },
    { path: ["node", "logs"], words: ["--follow", "--output"], valued: ["--output", "-o"] },
  ];
  const lines = [
    ["metroctl node l", "list logs"],
    ["metroctl --proxy=x ''", "node approve"],
    ["metroctl --output x node l", "list logs"],
    ["metroctl --output = x node l", "list logs"],
    ["metroctl node logs some-node --f", "--follow"],
    ["metroctl node logs -o json --f", "--follow"],
    ["metroctl node logs -o ''", ""],
    ["metroctl node logs --output =", ""],
    ["metroctl node logs --output = j", ""],
  ];
  const script = join(folder, "complete.bash");
  writeFileSync(
    script,
    `${completionScript("bash", table)}
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _metroctl; echo "\${COMPREPLY[*]}"; }
${lines.map(([line]) => `try ${line}`).join("\n")}`,
  );
  const { text } = await run(["bash", script], { env: { PATH: "/usr/bin:/bin" } });
  expect(text.slice(0, -1).split("\n")).toEqual(lines.map(([, words]) => words ?? ""));
});

test("completionScript knows three shells", () => {
  expect(completionScript("zsh", [])).toContain("#compdef metroctl");
  expect(completionScript("fish", [{ path: ["a"], words: ["b"] }])).toContain(
    "complete -c metroctl",
  );
  expect(() => completionScript("tcsh", [])).toThrow("there are bash, zsh and fish");
});
