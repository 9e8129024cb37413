// Reaping orphans, without taking from Bun the children that it waits for itself.
//
// waitpid(-1) would steal the exit status of our own children, and their promises would reject.
// So we first look (WNOWAIT) whose turn it is, and take the status only if it is nobody's.
import { check, libc } from "./syscall.ts";

const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;

/** Size of siginfo_t, and where the process id stands in it on 64-bit Linux. */
const SIGINFO_BYTES = 128;
const SIGINFO_PID = 16;

/** The next dead child, which stays as it is; undefined if there is none. */
function peek(): number | undefined {
  const information = new Uint8Array(SIGINFO_BYTES);
  // ECHILD, the only possible failure, says that there are no children at all.
  if (libc().waitid(P_ALL, 0, information, WNOHANG | WEXITED | WNOWAIT) === -1) return undefined;
  const pid = new DataView(information.buffer).getInt32(SIGINFO_PID, true);
  return pid === 0 ? undefined : pid;
}

/**
 * Reaps dead children until none is left or the next is one of `own`; gives the reaped ones.
 *
 * Stops at an own one, since the kernel shows it again and again until Bun takes it: call again
 * soon. `own` must hold the pids of all children that something in this process waits for.
 */
export function reapOrphans(own: ReadonlySet<number>): readonly number[] {
  const reaped: number[] = [];
  for (;;) {
    const pid = peek();
    if (pid === undefined || own.has(pid)) return reaped;
    const information = new Uint8Array(SIGINFO_BYTES);
    check(libc().waitid(P_PID, pid, information, WNOHANG | WEXITED), "waitid", `pid ${pid}`);
    reaped.push(pid);
  }
}
