// What the kernel is like from inside once init has prepared it, without firmware before it
// or a node behind it: its settings against the public rules, its mounts, and the ways into
// it that must not exist.
import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { builtOptions, departures, hardeningRules } from "../image/hardening.ts";
import { bootDirectly, directInitramfs } from "./direct.ts";
import { outputs, scratch } from "./golden.ts";

/** Registers the tests. */
export function kernelFacts(): void {
  /** Facts by kind and name. */
  const facts = new Map<string, string>();
  const all = (kind: string) =>
    [...facts].flatMap(([key, value]) =>
      key.startsWith(`${kind} `) ? [[key.slice(kind.length + 1), value] as const] : [],
    );

  beforeAll(async () => {
    const source = join(import.meta.dir, "kernel-facts-init.ts");
    const initramfs = await directInitramfs(scratch("kernel-facts"), source);
    const text = await bootDirectly({ kernel: join(outputs, "bzImage"), initramfs });
    for (const [, kind, name, value = ""] of text.matchAll(/FACT (\S+) (\S+) ([^\r\n]*)/g)) {
      facts.set(`${kind} ${name}`, value);
    }
    expect(text).toContain("FACT state done yes");
  });

  test("init makes each of its settings and mounts", () => {
    expect(all("complaint")).toEqual([]);
  });

  test("the settings of a node follow the public rules, or the rules say why not", () => {
    const options = builtOptions(join(outputs, "kernel.config"));
    const lookup = (name: string) => facts.get(`sysctl ${name}`) ?? options(name);
    expect(departures(hardeningRules("sysctls"), lookup)).toEqual({
      unexplained: [],
      needless: [],
    });
  });

  test("no mount but that of containers' layers takes devices or programs where it should not", () => {
    for (const [target, options] of all("mount")) {
      if (target === "/") continue;
      const flags = options.split(",");
      expect([target, flags.includes("nosuid")]).toEqual([target, true]);
      expect([target, flags.includes("noexec")]).toEqual([target, target !== "/ephemeral"]);
      const isDevices = target === "/dev" || target === "/dev/pts";
      expect([target, flags.includes("nodev")]).toEqual([target, !isDevices]);
    }
  });

  test("the kernel is locked down, and shows nobody its memory", () => {
    expect(facts.get("state lockdown")).toContain("[confidentiality]");
    const there = all("path").flatMap(([path, state]) => (state === "there" ? [path] : []));
    expect(there).toEqual(["/sys/kernel/security/lockdown"]);
  });
}
