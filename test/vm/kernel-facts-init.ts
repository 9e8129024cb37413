// PID 1 of the machine that shows what the kernel is once init has prepared it: init's own
// preparations and the network's settings, then a line `FACT kind name value` for each
// thing that tests ask about.
import { existsSync, readFileSync } from "node:fs";
import { mountPoints } from "../../src/base/linux/mount.ts";
import { powerOff } from "../../src/base/linux/reboot.ts";
import { readSysctl, writeSysctl } from "../../src/base/linux/sysctl.ts";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { prepare } from "../../src/init/prepare.ts";
import { networkSettings } from "../../src/node/network/network.ts";
import { hardeningRules, settingNames } from "../image/hardening.ts";

/** Ways to the kernel's memory and to the machine's, none of which may be there. */
const WAYS_IN = [
  "/dev/mem",
  "/dev/kmem",
  "/dev/port",
  "/dev/hpet",
  "/dev/nvram",
  "/dev/cpu/0/msr",
  "/dev/cpu/0/cpuid",
  "/proc/kcore",
  "/proc/self/pagemap",
  "/proc/config.gz",
  "/sys/kernel/debug/tracing",
  "/sys/kernel/security/lockdown",
];

function tell(kind: string, name: string, value: string): void {
  process.stdout.write(`FACT ${kind} ${name} ${value}\n`);
}

function tellSysctl(name: string): void {
  try {
    tell("sysctl", name, readSysctl(name));
  } catch (error) {
    // Not in this kernel: that is a fact too, and the rules say whether a good one.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

function tellAll(): void {
  for (const name of settingNames(hardeningRules("sysctls"))) tellSysctl(name);
  for (const { target, options } of mountPoints()) tell("mount", target, options.join(","));
  for (const path of WAYS_IN) tell("path", path, existsSync(path) ? "there" : "absent");
  tell("state", "lockdown", readFileSync("/sys/kernel/security/lockdown", "utf8").trim());
}

try {
  const tree = new LogTree();
  prepare(tree.logger("init"));
  for (const [name, value] of Object.entries(networkSettings)) writeSysctl(name, value);
  const { backlog } = tree.read({ dn: "init", backlog: "all" });
  for (const entry of backlog) {
    if (entry.kind === "leveled") tell("complaint", entry.severity, entry.messages.join(" "));
  }
  tellAll();
  tell("state", "done", "yes");
} finally {
  powerOff();
}
