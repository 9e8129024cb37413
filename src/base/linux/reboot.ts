// reboot(2): how a machine ends. None of these waits for anything; unmount first.
import { check, libc } from "./syscall.ts";

const RESTART = 0x01234567;
const POWER_OFF = 0x4321fedc;
const DISABLE_CTRL_ALT_DEL = 0;

/** Restarts the machine at once. In a PID namespace: ends the namespace. */
export function restart(): void {
  check(libc().reboot(RESTART), "reboot", "restart");
}

/** Powers the machine off at once. In a PID namespace: ends the namespace. */
export function powerOff(): void {
  // The constant has its top bit set, and the argument is a signed int.
  check(libc().reboot(POWER_OFF | 0), "reboot", "power off");
}

/** Makes the kernel send SIGINT to PID 1 at Ctrl-Alt-Del, instead of resetting the machine. */
export function takeCtrlAltDel(): void {
  check(libc().reboot(DISABLE_CTRL_ALT_DEL), "reboot", "take ctrl-alt-del");
}

/** Writes everything that is cached to the disks. */
export function syncDisks(): void {
  libc().sync();
}
