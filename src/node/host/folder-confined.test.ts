// Tests of as much confinement as a workstation gives.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { confinementOf, type ProgramRow, programs } from "../../image/image.ts";
import { confineHere, confinementHere, confinerHere, partsHere } from "./folder-confined.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "folder-confined-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const all = { hasFilters: true, hasViews: true };
const curator = () => confinementOf(programs.curator as ProgramRow);

test("confinementHere has no account, and what a machine has below its root below the folder", () => {
  const { account, view, capabilities } = confinementHere(curator(), "/node", all);
  expect(account).toBeUndefined();
  expect(capabilities).toEqual([]);
  expect(view?.writes).toEqual(["/dev", "/proc", "/node/run/metropolis/curator"]);
});

test("confinementHere leaves out what does not work", () => {
  const none = confinementHere(curator(), "/node", { hasFilters: false, hasViews: false });
  expect(none).toEqual({ capabilities: [] });
});

/** A setpriv that refuses the arguments that name something it does not know. */
function oldSetpriv(unknown: string): string {
  const path = join(folder, "setpriv");
  writeFileSync(path, `#!/bin/sh\ncase "$*" in *${unknown}*) exit 1 ;; esac\n`);
  chmodSync(path, 0o755);
  return path;
}

test.each([
  ["nothing", { hasFilters: true, hasViews: true }],
  ["--landlock", { hasFilters: true, hasViews: false }],
  ["--seccomp", { hasFilters: false, hasViews: true }],
  ["--", undefined],
] as const)("partsHere finds out what a setpriv without %s does", async (unknown, parts) => {
  const confiner = { setpriv: oldSetpriv(unknown), filters: join(folder, "filters") };
  expect(await partsHere(confiner, folder)).toEqual(parts);
});

test("confinerHere takes the setpriv beside etcd, or else that of the host", () => {
  const place = { folder: "/node", programs: folder };
  expect(confinerHere(place).setpriv).toBe("setpriv");
  oldSetpriv("nothing");
  expect(confinerHere(place).setpriv).toBe(join(folder, "setpriv"));
});

test("confineHere gives our own executable its role by a link", () => {
  const confine = confineHere(confinerHere({ folder, programs: folder }), folder, all);
  const { argv, argv0 } = confine("curator", { argv: ["/opt/metropolis"], argv0: "curator" });
  expect(argv0).toBeUndefined();
  expect(readlinkSync(argv.at(-1) ?? "")).toBe("/opt/metropolis");
});

test("confineHere starts nothing that has no row", () => {
  const confine = confineHere(confinerHere({ folder, programs: folder }), folder, all);
  expect(() => confine("sh", { argv: ["sh"] })).toThrow("start sh: it has no row");
});
