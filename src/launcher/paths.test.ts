// Where files and sockets lie, for homes of all lengths.
import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkName,
  clusterPaths,
  clustersDirectory,
  machinePaths,
  makePrivateDirectory,
  pathsOf,
} from "./paths.ts";

test("clustersDirectory follows XDG_STATE_HOME", () => {
  expect(clustersDirectory({ XDG_STATE_HOME: "/s" })).toBe("/s/metropolis/clusters");
  expect(clustersDirectory({})).toEndWith("/.local/state/metropolis/clusters");
});

test.each(["demo", "a", "a-1", "abcdefghijklmnopqrstuvwx"])("checkName takes %s", (name) => {
  expect(checkName(name)).toBe(name);
});

test.each(["", "Demo", "1a", "-a", "a/b", "..", "abcdefghijklmnopqrstuvwxy", "a b"])(
  "checkName refuses %p",
  (name) => {
    expect(() => checkName(name)).toThrow("cluster name");
  },
);

test("clusterPaths keeps sockets short however long the home", () => {
  const home = `/${"long/".repeat(40)}`;
  const paths = clusterPaths("demo", { XDG_STATE_HOME: home, XDG_RUNTIME_DIR: `${home}run` });
  expect(paths.directory).toStartWith(home);
  const sockets = [paths.control, paths.socks, machinePaths(paths, 99).cableSocket];
  for (const socket of sockets) expect(socket.length).toBeLessThan(108);
});

test("clusterPaths puts sockets into XDG_RUNTIME_DIR when they fit", () => {
  const paths = clusterPaths("demo", { XDG_STATE_HOME: "/s", XDG_RUNTIME_DIR: "/run/user/7" });
  expect(paths.control).toStartWith("/run/user/7/metropolis/");
});

test("clusterPaths keeps clusters of one name in two places apart", () => {
  const runtime = (home: string) => clusterPaths("demo", { XDG_STATE_HOME: home }).runtime;
  expect(runtime("/a")).not.toBe(runtime("/b"));
});

test("pathsOf gives a keeper the same paths as a command", () => {
  const environment = { XDG_STATE_HOME: "/s" };
  const paths = clusterPaths("demo", environment);
  expect(pathsOf(paths.directory, environment)).toEqual(paths);
});

test("pathsOf takes a socket folder, for whom the user has changed", () => {
  const paths = pathsOf("/s/demo", {}, "/tmp/metropolis-1000/abc");
  expect(paths.control).toBe("/tmp/metropolis-1000/abc/control");
  expect(machinePaths(paths, 1).qmpSocket).toBe("/tmp/metropolis-1000/abc/1.qmp");
});

test("machinePaths keeps machines apart", () => {
  const paths = clusterPaths("demo", { XDG_STATE_HOME: "/s" });
  const [one, two] = [machinePaths(paths, 1), machinePaths(paths, 2)];
  for (const key of ["disk", "variables", "tpm", "console", "qmpSocket"] as const) {
    expect(one[key]).not.toBe(two[key]);
  }
});

test("makePrivateDirectory lets nobody else in", () => {
  const path = join(mkdtempSync(join(tmpdir(), "paths-")), "a", "b");
  makePrivateDirectory(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
});

test("makePrivateDirectory takes one that is there already", () => {
  const path = mkdtempSync(join(tmpdir(), "paths-"));
  chmodSync(path, 0o700);
  expect(() => makePrivateDirectory(join(path, "c"))).not.toThrow();
  expect(() => makePrivateDirectory(join(path, "c"))).not.toThrow();
});
