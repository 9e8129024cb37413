// Tests of the kernel's settings. That a node's kernel takes each, and that the public rules are
// kept, is shown in test/vm/kernel-facts.ts.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readSysctl } from "../base/linux/sysctl.ts";
import { kernelSettings } from "./settings.ts";

test("kernelSettings are settings that kernels have, but for those of Debian's patches", () => {
  const debians = ["kernel.unprivileged_userns_clone"];
  // Modules and parts that this host's kernel was built without.
  const optional = ["kernel.yama.ptrace_scope", "net.core.bpf_jit_harden", "net.ipv6."];
  for (const name of Object.keys(kernelSettings)) {
    if (debians.includes(name) || optional.some((part) => name.startsWith(part))) continue;
    expect([name, existsSync(`/proc/sys/${name.replaceAll(".", "/")}`)]).toEqual([name, true]);
  }
});

test("kernelSettings have values of the kind that the kernel gives back", () => {
  for (const [name, value] of Object.entries(kernelSettings)) {
    if (!existsSync(`/proc/sys/${name.replaceAll(".", "/")}`)) continue;
    const numbers = value.split(" ").length;
    expect([name, readSysctl(name).trim().split(/\s+/).length]).toEqual([name, numbers]);
  }
});
