// Tests of what the kernel says of a process.
import { expect, test } from "bun:test";
import { parseProcessStatus, processStatus } from "./process-status.ts";

test("parseProcessStatus reads who a process is and what it may", () => {
  const text = [
    "Name:\tetcd",
    "Uid:\t102\t102\t102\t102",
    "CapInh:\t0000000000000000",
    "CapEff:\t0000000000001000",
    "CapBnd:\t0000000002001000",
    "NoNewPrivs:\t1",
    "Seccomp:\t2",
    "Seccomp_filters:\t2",
  ].join("\n");
  expect(parseProcessStatus(text)).toEqual({
    uid: 102,
    capabilities: "0000000000001000",
    bounding: "0000000002001000",
    hasNoNewPrivileges: true,
    filters: 2,
  });
});

test("processStatus knows this process", () => {
  expect(processStatus(process.pid)?.uid).toBe(process.geteuid?.() ?? -1);
});

test("processStatus knows nothing of one that is not there", () => {
  expect(processStatus(2 ** 30)).toBeUndefined();
});
