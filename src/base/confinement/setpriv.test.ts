// Tests of what setpriv is told.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setprivArguments } from "./setpriv.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "setpriv-"));
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "program"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("setprivArguments give a user its capabilities as ambient ones", () => {
  const account = { uid: 104, gid: 105 };
  expect(setprivArguments({ account, capabilities: ["net_admin"] })).toEqual([
    "--no-new-privs",
    ...["--reuid=104", "--regid=105", "--clear-groups"],
    ...["--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin"],
    "--bounding-set=-all,+net_admin",
    "--",
  ]);
});

test.each([{}, { account: { uid: 0, gid: 0 } }])(
  "setprivArguments only bound root, for it has what it may: %j",
  (who) => {
    const words = setprivArguments({ ...who, capabilities: ["kill"] });
    expect(words).toContain("--bounding-set=-all,+kill");
    expect(words).toContain("--inh-caps=-all");
    expect(words).toContain("--ambient-caps=-all");
  },
);

test("setprivArguments name the filter", () => {
  const words = setprivArguments({ capabilities: [], filter: "/run/filters/a.bpf" });
  expect(words.slice(-3)).toEqual(["--seccomp-filter", "/run/filters/a.bpf", "--"]);
});

/** The rules of a view, the folder's own name left out. */
function rules(view: Parameters<typeof setprivArguments>[0]["view"]): readonly string[] {
  const words = setprivArguments({ capabilities: [], ...(view && { view }) });
  return words
    .filter((word) => word.startsWith("path-beneath:"))
    .map((word) => word.replace(folder, "").slice("path-beneath:".length));
}

test("setprivArguments say what of the file system there is", () => {
  const [data, program] = [join(folder, "data"), join(folder, "program")];
  expect(rules({ reads: [data, program], writes: [], starts: [program] })).toEqual([
    "read-file,read-dir:/data",
    "read-file:/program",
    "execute,read-file:/program",
  ]);
  expect(rules({ reads: [], writes: [], lists: [data], starts: [] })).toEqual(["read-dir:/data"]);
});

test("setprivArguments let nobody make device nodes but in /dev", () => {
  const [inData = ""] = rules({ reads: [], writes: [join(folder, "data")], starts: [] });
  expect(inData).toMatch(/^read-file,.*make-reg.*:\/data$/);
  expect(inData).not.toMatch(/make-(block|char)/);
});

test("setprivArguments give nothing for what is not there", () => {
  expect(rules({ reads: [join(folder, "missing")], writes: [], starts: [] })).toEqual([]);
});

test("setprivArguments without a view restrict no files", () => {
  expect(rules(undefined)).toEqual([]);
  expect(setprivArguments({ capabilities: [] }).join(" ")).not.toContain("landlock");
});
