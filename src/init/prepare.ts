// Making a bare kernel into a system in which programs can run.
import { existsSync, symlinkSync } from "node:fs";
import { setClock } from "../base/linux/clock.ts";
import { setHostname } from "../base/linux/hostname.ts";
import { forbidDumps } from "../base/linux/prctl.ts";
import { takeCtrlAltDel } from "../base/linux/reboot.ts";
import { setLimit } from "../base/linux/rlimit.ts";
import { writeSysctl } from "../base/linux/sysctl.ts";
import { errorText, type Logger } from "../base/logtree/logtree.ts";
import { RELEASED } from "../image/image.ts";
import { mountAll } from "./mounts.ts";
import { kernelSettings } from "./settings.ts";

/** Bun takes a descriptor for every child, etcd and others one for every connection. */
const OPEN_FILES = 1_048_576n;

/** What programs expect in /dev beside the kernel's devices. */
const links: readonly (readonly [string, string])[] = [
  ["/proc/self/fd", "/dev/fd"],
  ["/proc/self/fd/0", "/dev/stdin"],
  ["/proc/self/fd/1", "/dev/stdout"],
  ["/proc/self/fd/2", "/dev/stderr"],
];

/** Mounts everything and does each step; nothing that fails stops the rest. */
export function prepare(log: Logger): void {
  mountAll(log);
  tryEach({ "set the clock": () => beginClock(log) }, log);
  tryEach(settingSteps(), log);
  tryEach(
    {
      "link /dev": linkDevices,
      // The agent names the node once it knows its name.
      "set the host name": () => setHostname("metropolis"),
      "take ctrl-alt-del": takeCtrlAltDel,
      // Keys of the agent pass through here. PID 1 is nobody's to look into anyway.
      "forbid to look into this process": forbidDumps,
      // Memory of our programs holds keys: it must not end up in a file. Where kernel.core_pattern
      // would say which, there is none: our kernel is built without core dumps.
      "forbid core dumps": () => setLimit("core", { soft: 0n, hard: 0n }),
      "raise the limit of open files": () =>
        setLimit("openFiles", { soft: OPEN_FILES, hard: OPEN_FILES }),
    },
    log,
  );
}

/**
 * An empty battery makes clocks begin in another century. Later on nobody could be asked, as each
 * certificate would seem to be of the future.
 */
export function beginClock(log: Logger, now = Date.now(), set = setClock): void {
  if (now >= RELEASED.getTime()) return;
  set(RELEASED.getTime());
  const [was, is] = [new Date(now), RELEASED].map((time) => time.toISOString());
  log.warning(
    `The hardware clock says ${was}, and this release was made later: going on from ${is}`,
  );
}

/** Does each step; one that fails is logged by its name, for half a system is better than none. */
export function tryEach(steps: Readonly<Record<string, () => void>>, log: Logger): void {
  for (const [name, step] of Object.entries(steps)) {
    try {
      step();
    } catch (error) {
      log.warning(`Could not ${name}: ${errorText(error)}; going on`);
    }
  }
}

/** A step for each setting, so that one which this kernel lacks keeps no other from being made. */
function settingSteps(): Readonly<Record<string, () => void>> {
  const steps = Object.entries(kernelSettings).map(
    ([name, value]) => [`set ${name}`, () => writeSysctl(name, value)] as const,
  );
  return Object.fromEntries(steps);
}

function linkDevices(): void {
  for (const [target, path] of links) if (!existsSync(path)) symlinkSync(target, path);
}
