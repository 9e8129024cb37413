// Tests of the hosts file.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { hosts, hostsFile, type Names } from "./hosts.ts";

test("hostsFile names this machine and every node that has an address", () => {
  const names = new Map([
    ["b", ["10.1.0.3"]],
    ["a", ["fd00::2", "10.1.0.2"]],
    ["nowhere", []],
  ]);
  expect(hostsFile(names)).toBe(
    "127.0.0.1 localhost\n::1 localhost\nfd00::2 a\n10.1.0.2 a\n10.1.0.3 b\n",
  );
});

test("hosts follows the names; removed nodes vanish, everyone may read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "node-hosts-"));
  const path = join(folder, "hosts");
  const names = new Value<Names>();
  await using _ = testSupervisor(hosts(names, path));
  await until(() => existsSync(path));
  names.set(new Map([["a", ["10.1.0.2"]]]));
  await until(() => readFileSync(path, "utf8").includes("10.1.0.2 a"));
  names.set(new Map());
  await until(() => !readFileSync(path, "utf8").includes("10.1.0.2 a"));
  expect(statSync(path).mode & 0o777).toBe(0o644);
  rmSync(folder, { recursive: true });
});
