// Tests of what processes take, on text and on this process.
import { expect, test } from "bun:test";
import { parseProcessUsage, processUsage } from "./process-usage.ts";

test("parseProcessUsage takes a kernel's name with parentheses and blanks", () => {
  const stat = `7 (a (b) c) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 1 0 3 4 5`;
  const status = "Name:\ta\nVmRSS:\t    2048 kB\n";
  const cmdline = "/usr/bin/etcd\0--name=x\0";
  expect(parseProcessUsage({ cmdline, stat, status })).toEqual({
    ...{ name: "etcd", memoryBytes: 2 ** 21, cpuMs: 3_000 },
  });
});

test.each([
  ["/usr/bin/etcd\0--name=x\0", "etcd"],
  ["curator\0", "curator"],
  ["/usr/sbin/dhcpcd: [manager] [ip4] /x\0\0", "dhcpcd"],
  ["", ""],
])("parseProcessUsage calls a process with command line %j %s", (cmdline, name) => {
  expect(parseProcessUsage({ cmdline, stat: "", status: "" }).name).toBe(name);
});

test("processUsage sees this process at work", () => {
  const before = processUsage(process.pid);
  const usedMs = () => (processUsage(process.pid)?.cpuMs ?? 0) - (before?.cpuMs ?? 0);
  // How long that takes is up to whoever else is busy here.
  while (usedMs() < 20);
  expect(before?.memoryBytes).toBeGreaterThan(10 * 2 ** 20);
});

test("processUsage knows nothing of a process that is not there", () => {
  expect(processUsage(2 ** 22 + 1)).toBeUndefined();
});
