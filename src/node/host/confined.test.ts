// Tests of how a machine starts programs.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { confineByTable, machineConfiner, UnknownProgramError } from "./confined.ts";

let filters = "";
beforeEach(() => {
  filters = mkdtempSync(join(tmpdir(), "confined-"));
});
afterEach(() => rmSync(filters, { recursive: true }));

const confine = () => confineByTable({ ...machineConfiner, filters });

test("confineByTable starts a program from the verified system, as its account", () => {
  const { argv } = confine()("ss", { argv: ["ss", "--kill"] });
  expect(argv[0]).toBe("/usr/bin/setpriv");
  expect(argv.slice(argv.indexOf("--"))).toEqual(["--", "/usr/bin/ss", "--kill"]);
  expect(argv).toContain("--reuid=104");
  expect(argv).toContain("--bounding-set=-all,+net_admin");
});

test("confineByTable starts our own executable under the name of its role", () => {
  const { argv, argv0 } = confine()("curator", { argv: ["/init"], argv0: "curator" });
  expect(argv.at(-1)).toBe("/usr/lib/metropolis/curator");
  expect(argv0).toBeUndefined();
});

test("confineByTable keeps the rest of how a program is started", () => {
  const rest = { env: { PATH: "/usr/bin" }, cgroup: "/sys/fs/cgroup/metropolis/consensus" };
  expect(confine()("etcd", { argv: ["/usr/bin/etcd"], ...rest })).toMatchObject(rest);
});

test("confineByTable starts nothing that has no row", () => {
  const start = () => confine()("sh", { argv: ["/bin/sh"] });
  expect(start).toThrow(UnknownProgramError);
  expect(start).toThrow("start sh: it has no row in the table of programs");
});
