// Shutting down: end all processes, unmount the disks, and tell the kernel.
import { readdirSync, readlinkSync } from "node:fs";
import { mount, mountPoints, unmount } from "../base/linux/mount.ts";
import { powerOff, restart, syncDisks } from "../base/linux/reboot.ts";
import { errorText, type Logger } from "../base/logtree/logtree.ts";
import type { Ending } from "./agent-exit.ts";

/** Time that programs get after SIGTERM, and after SIGKILL. */
const TERM_GRACE_MS = 5_000;
const KILL_GRACE_MS = 2_000;
const PERIOD_MS = 20;
/** Time for the last line to get out of a slow serial port. */
const LAST_LINE_MS = 200;

/** Takes the machine down. Returns only if the kernel refuses. */
export async function shutDown(ending: Ending, log: Logger): Promise<void> {
  await endAll("SIGTERM", TERM_GRACE_MS, log);
  await killOthers(log);
  unmountDisks(log);
  syncDisks();
  log.info(ending === "reboot" ? "Rebooting" : "Powering off");
  await Bun.sleep(LAST_LINE_MS);
  try {
    if (ending === "reboot") restart();
    else powerOff();
  } catch (error) {
    log.fatal(`Could not ${ending}: ${errorText(error)}. Switch the machine off by hand`);
  }
}

/** Other processes of user space: the kernel's own threads have no program. */
function others(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter(hasProgram);
}

function hasProgram(pid: number): boolean {
  try {
    // Not its arguments, which it can write over.
    return readlinkSync(`/proc/${pid}/exe`) !== "";
  } catch {
    // None, or it has ended meanwhile.
    return false;
  }
}

/** Ends every process but init, at once. */
export async function killOthers(log: Logger): Promise<void> {
  await endAll("SIGKILL", KILL_GRACE_MS, log);
}

async function endAll(signal: NodeJS.Signals, graceMs: number, log: Logger): Promise<void> {
  // As anything but PID 1 this would end processes that are none of our business.
  if (process.pid !== 1) return;
  if (others().length === 0) return;
  try {
    process.kill(-1, signal);
  } catch (error) {
    log.warning(`Could not send ${signal} to all: ${errorText(error)}; going on`);
  }
  const deadline = performance.now() + graceMs;
  while (others().length > 0 && performance.now() < deadline) await Bun.sleep(PERIOD_MS);
}

/** Unmounts what lies on disks, the newest mount first; what is in use becomes read-only. */
export function unmountDisks(log: Logger): void {
  if (process.pid !== 1) return;
  const onDisks = mountPoints().filter(
    ({ source, target }) => source.startsWith("/dev/") && target !== "/",
  );
  for (const { target } of onDisks.toReversed()) {
    try {
      unmount(target);
    } catch (error) {
      log.warning(`Could not ${errorText(error)}; making it read-only`);
      makeReadOnly(target, log);
    }
  }
}

function makeReadOnly(target: string, log: Logger): void {
  try {
    mount({ source: "", target, type: "", flags: ["remount", "readOnly"] });
  } catch (error) {
    log.warning(`Could not make ${target} read-only: ${errorText(error)}; syncing it instead`);
  }
}
