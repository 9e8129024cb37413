// Tests of the small calls about this process and machine: limits, power.
import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { setHostname } from "./hostname.ts";
import { forbidDumps } from "./prctl.ts";
import { syncDisks, takeCtrlAltDel } from "./reboot.ts";
import { getLimit, setLimit } from "./rlimit.ts";

const isRoot = process.getuid?.() === 0;

test("setLimit changes the limit that getLimit gives", () => {
  const before = getLimit("core");
  setLimit("core", { soft: 0n, hard: before.hard });
  expect(getLimit("core")).toEqual({ soft: 0n, hard: before.hard });
  setLimit("core", before);
});

test("setLimit refuses a soft limit above the hard one", () => {
  expect(() => setLimit("openFiles", { soft: 2n, hard: 1n })).toThrow(
    "setrlimit openFiles: EINVAL",
  );
});

test("setHostname keeps the name it is given, or is refused to ordinary users", () => {
  // Its own name, so that the machine under test stays what it is.
  const work = () => setHostname(hostname());
  if (isRoot) expect(work).not.toThrow();
  else expect(work).toThrow(`sethostname ${hostname()}: EPERM`);
});

test("takeCtrlAltDel is refused to ordinary users", () => {
  if (!isRoot) expect(takeCtrlAltDel).toThrow("reboot take ctrl-alt-del: EPERM");
});

test("syncDisks returns", () => {
  expect(syncDisks()).toBeUndefined();
});

test("forbidDumps makes what /proc has of a process root's, so that none of its user looks in", () => {
  const path = new URL("prctl.ts", import.meta.url).pathname;
  const look = `
    import { forbidDumps } from ${JSON.stringify(path)};
    import { statSync } from "node:fs";
    process.setuid?.(65534);
    forbidDumps();
    console.log(statSync("/proc/self/mem").uid);`;
  // An ordinary user's process is its own before; root's is root's either way.
  if (!isRoot) return expect(forbidDumps).not.toThrow();
  const { stdout } = Bun.spawnSync([process.execPath, "-e", look]);
  expect(stdout.toString()).toBe("0\n");
});
