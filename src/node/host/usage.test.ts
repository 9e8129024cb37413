// Tests of what is said of memory and processors.
import { expect, test } from "bun:test";
import { until } from "../../base/event/test-until.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { usage, usageText } from "./usage.ts";

test("usageText tells memory, and the share of one processor", () => {
  const then = { name: "etcd", memoryBytes: 9, cpuMs: 1_000 };
  const now = { name: "etcd", memoryBytes: 41.6 * 2 ** 20, cpuMs: 1_900 };
  expect(usageText(then, now, 60_000)).toBe(
    "etcd uses 42 MiB, and 1.5 % of a processor in the last 60 s",
  );
});

test("usage tells of each process that lasts, and of none that has ended", async () => {
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  const pids = () => [ended.pid, process.pid];
  await using tested = testSupervisor(usage({ firstMs: 1, lookMs: 10, pids }));
  const texts = () => {
    const { backlog } = tested.tree.read({ dn: "root", backlog: "all" });
    return backlog.flatMap((each) => (each.kind === "leveled" ? each.messages : []));
  };
  await until(() => texts().length > 0);
  expect(texts()).toEqual([expect.stringMatching(/^\S+ uses \d+ MiB, and \d+\.\d % of a proc/)]);
});
