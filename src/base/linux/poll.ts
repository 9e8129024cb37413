// poll(2), as far as it tells what no read or write would: that nobody listens any more.
import { ptr } from "bun:ffi";
import { check, libc, SyscallError } from "./syscall.ts";

/** struct pollfd: the descriptor, what is asked for, what is found. */
const POLLFD_BYTES = 8;
const FOUND_OFFSET = 6;
const POLLERR = 0x08;
const POLLHUP = 0x10;

/** A signal, as Ctrl-C is one, interrupts even a poll that does not wait; then it is made again. */
function look(poll: () => number, subject: string): void {
  for (;;) {
    try {
      check(poll(), "poll", subject);
      return;
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== "EINTR") throw error;
    }
  }
}

/**
 * Whether whoever read the other end of a pipe or socket has closed it. A writer that has nothing
 * to write would not hear of that. False for files, terminals, and on other systems than Linux.
 */
export function isReaderGone(fd: number): boolean {
  if (process.platform !== "linux") return false;
  const entry = new DataView(new ArrayBuffer(POLLFD_BYTES));
  entry.setInt32(0, fd, true);
  const bytes = new Uint8Array(entry.buffer);
  // Errors and ends are told without being asked for.
  look(() => libc().poll(ptr(bytes), 1n, 0), `descriptor ${fd}`);
  return (entry.getInt16(FOUND_OFFSET, true) & (POLLERR | POLLHUP)) !== 0;
}
