// Tests of control groups: true ones where we may make them.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CGROUP_ROOT,
  cgroupProcesses,
  createCgroup,
  isPopulated,
  killCgroup,
  removeCgroup,
} from "./cgroup.ts";
import { kindOf, magic } from "./statfs.ts";

/** Where this machine has the second version mounted, which may be beside the first. */
const root = [CGROUP_ROOT, join(CGROUP_ROOT, "unified")].find(
  (path) => existsSync(path) && kindOf(path) === magic.cgroup2,
);
const canMake = root !== undefined && process.getuid?.() === 0;

test("killCgroup ends all processes of a group and of those below it", async () => {
  if (root === undefined || !canMake) return;
  const group = join(root, `metropolis-test-${process.pid}`);
  const below = join(group, "below");
  createCgroup(below);
  const children = [group, below].map((path) => {
    const child = Bun.spawn(["sleep", "60"]);
    writeFileSync(join(path, "cgroup.procs"), `${child.pid}`);
    return child;
  });
  expect(cgroupProcesses(group)).toEqual(children.map(({ pid }) => pid));
  expect(isPopulated(group)).toBe(true);
  await killCgroup(group);
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([137, 137]);
  removeCgroup(group);
  expect(existsSync(group)).toBe(false);
});

test("killCgroup and removeCgroup are content without a group", async () => {
  await killCgroup("/no/such/group");
  expect(removeCgroup("/no/such/group")).toBeUndefined();
});

test("createCgroup writes the limits in the kernel's files", () => {
  // A plain folder takes the same files, and shows them whatever controllers this machine has.
  const path = join(mkdtempSync(join(tmpdir(), "metropolis-cgroup-")), "a/b");
  createCgroup(path, { memoryMax: 1 << 20, cpuWeight: 200, killTogether: true });
  expect(readFileSync(join(path, "memory.max"), "utf8")).toBe("1048576");
  expect(readFileSync(join(path, "cpu.weight"), "utf8")).toBe("200");
  expect(readFileSync(join(path, "memory.oom.group"), "utf8")).toBe("1");
  expect(existsSync(join(path, "pids.max"))).toBe(false);
});
