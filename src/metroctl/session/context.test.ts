// Contexts on disk: what is kept, under which names and rights.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ContextFolder,
  chosenContext,
  configFolder,
  contextFiles,
  contextNames,
  forgetContext,
  useContext,
} from "./context.ts";
import { replaceFile } from "./replace-file.ts";

let config = "";
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "context-"));
});
afterEach(() => rmSync(config, { recursive: true, force: true }));

test("configFolder is the XDG one unless told otherwise", () => {
  expect(configFolder("/x")).toBe("/x");
  expect(configFolder(undefined, { XDG_CONFIG_HOME: "/c" })).toBe("/c/metroctl");
  expect(configFolder(undefined, {})).toMatch(/\/\.config\/metroctl$/);
});

test("ContextFolder keeps the default context where the original did", () => {
  new ContextFolder(config, "default").write(contextFiles.ownerKey, "key", 0o600);
  expect(readFileSync(join(config, "owner-key.pem"), "utf8")).toBe("key");
  expect(statSync(join(config, "owner-key.pem")).mode & 0o777).toBe(0o600);
});

test("ContextFolder gives every other cluster a folder of its own", () => {
  const demo = new ContextFolder(config, "demo");
  demo.write(contextFiles.ca, "ca", 0o600);
  expect(existsSync(join(config, "contexts/demo/ca.pem"))).toBe(true);
  expect(demo.read(contextFiles.ownerKey)).toBeUndefined();
  expect(contextNames(config)).toEqual(["demo"]);
});

test.each(["", "../x", "a/b", ".hidden", "x".repeat(64)])("ContextFolder refuses %p", (name) => {
  expect(() => new ContextFolder(config, name)).toThrow("context name");
});

test("ContextFolder remembers how to reach the cluster", () => {
  const demo = new ContextFolder(config, "demo");
  expect(demo.reach()).toEqual({ endpoints: [] });
  demo.saveReach({ endpoints: ["10.1.0.2"], proxy: "127.0.0.1:1080" });
  expect(demo.reach()).toEqual({ endpoints: ["10.1.0.2"], proxy: "127.0.0.1:1080" });
});

test.each(["{", "[]", '{"endpoints":"x"}', "null"])(
  "ContextFolder names a damaged file: %s",
  (text) => {
    const demo = new ContextFolder(config, "demo");
    demo.write(contextFiles.reach, text, 0o644);
    expect(() => demo.reach()).toThrow("context.json");
  },
);

test("useContext chooses what chosenContext then gives", () => {
  expect(chosenContext({ config }).name).toBe("default");
  expect(() => useContext(config, "demo")).toThrow("no context demo");
  new ContextFolder(config, "demo").saveReach({ endpoints: ["a"] });
  useContext(config, "demo");
  expect(chosenContext({ config }).name).toBe("demo");
  expect(chosenContext({ config, context: "other" }).name).toBe("other");
  forgetContext(config, "demo");
  expect(chosenContext({ config }).name).toBe("default");
  expect(contextNames(config)).toEqual([]);
});

test("forgetContext never removes the default context", () => {
  expect(() => forgetContext(config, "default")).toThrow("cannot be removed");
});

test("replaceFile follows no link that stands in its way", () => {
  const path = join(config, "file");
  writeFileSync(path, "old");
  replaceFile(path, "new", 0o600);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
