// Choosing between KVM and emulation: what is remembered, and when it is believed.
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseAccelerator, processors, slowness } from "./accelerator.ts";

const before = process.env.XDG_CACHE_HOME;
const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
let cache = "";
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "accelerator-"));
  process.env.XDG_CACHE_HOME = cache;
  mkdirSync(join(cache, "metropolis"));
});
afterEach(() => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  rmSync(cache, { recursive: true });
});

function remember(text: string): void {
  writeFileSync(join(cache, "metropolis", "accelerator.json"), text);
}

function mayUseKvm(): boolean {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

test("chooseAccelerator emulates where no kernel was seen to boot", async () => {
  expect(await chooseAccelerator(undefined)).toBe("tcg");
  expect(await chooseAccelerator("/nonexistent/bzImage")).toBe("tcg");
});

test("chooseAccelerator believes a probe of this boot, where KVM may be opened at all", async () => {
  remember(JSON.stringify({ boot, accelerator: "kvm" }));
  expect(await chooseAccelerator(undefined)).toBe(mayUseKvm() ? "kvm" : "tcg");
  remember(JSON.stringify({ boot, accelerator: "tcg" }));
  expect(await chooseAccelerator(undefined)).toBe("tcg");
});

test.each([
  ["of an earlier boot", JSON.stringify({ boot: "another", accelerator: "kvm" })],
  ["of no boot", JSON.stringify({ accelerator: "kvm" })],
  ["that says something else", JSON.stringify({ boot, accelerator: "magic" })],
  ["that says nothing", "null"],
  ["of another kind", "[]"],
])("chooseAccelerator does not use KVM after a probe %s", async (_, text) => {
  remember(text);
  expect(await chooseAccelerator(undefined)).toBe("tcg");
});

test("chooseAccelerator bears a probe that was cut off", async () => {
  remember('{"boot":"');
  expect(await chooseAccelerator(undefined)).toBe("tcg");
});

test("slowness gives emulation more time than hardware", () => {
  expect(slowness("tcg")).toBeGreaterThan(slowness("kvm"));
  expect(slowness("kvm")).toBe(1);
});

test.each([
  ["tcg", 1, 2, 2],
  ["tcg", 3, 2, 1],
  ["tcg", 3, 16, 2],
  ["tcg", 5, 4, 1],
  ["kvm", 3, 2, 2],
] as const)(
  "processors on %s for %d machines of %d cores are %d",
  (kind, machines, host, expected) => {
    expect(processors(kind, machines, host)).toBe(expected);
  },
);
