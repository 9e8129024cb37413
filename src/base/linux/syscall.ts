// The C library, as far as this folder calls it, and the one way its failures become errors.
import { dlopen, FFIType, type Pointer, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";

const { i32, i64, ptr, u64 } = FFIType;

const declarations = {
  __errno_location: { args: [], returns: ptr },
  adjtimex: { args: [ptr], returns: i32 },
  clock_settime: { args: [i32, ptr], returns: i32 },
  getrlimit: { args: [i32, ptr], returns: i32 },
  ioctl: { args: [i32, u64, ptr], returns: i32 },
  mount: { args: [ptr, ptr, ptr, u64, ptr], returns: i32 },
  poll: { args: [ptr, u64, i32], returns: i32 },
  prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
  reboot: { args: [i32], returns: i32 },
  sethostname: { args: [ptr, u64], returns: i32 },
  setrlimit: { args: [i32, ptr], returns: i32 },
  sync: { args: [], returns: FFIType.void },
  syscall: { args: [i64, i64, i64, i64, i64, i64, i64], returns: i64 },
  umount2: { args: [ptr, i32], returns: i32 },
  waitid: { args: [i32, i32, ptr, i32], returns: i32 },
} as const;

function open() {
  return dlopen("libc.so.6", declarations).symbols;
}

let opened: ReturnType<typeof open> | undefined;

/**
 * The functions of glibc that we use.
 *
 * Opened at the first call: other platforms may import this folder, as long as they call nothing.
 */
export function libc(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}

/** A failed system call: which one, on what, and the kernel's reason. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";

  constructor(
    readonly syscall: string,
    readonly subject: string,
    /** Positive, as in errno.h. */
    readonly errno: number,
  ) {
    super(`${syscall} ${subject}: ${getSystemErrorName(-errno)}`);
  }

  /** The name of the errno, such as `EBUSY`. */
  get code(): string {
    return getSystemErrorName(-this.errno);
  }
}

/**
 * Throws a {@link SyscallError} if `result` says that the call failed, else gives it back.
 *
 * Call it in the same statement as the system call: errno belongs to the thread, and any later
 * call may overwrite it.
 */
export function check(result: number, syscall: string, subject: string): number {
  if (result !== -1) return result;
  const location = libc().__errno_location() as Pointer;
  throw new SyscallError(syscall, subject, read.i32(location, 0));
}

/** A text as C wants it: UTF-8 with a zero byte at its end. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** ioctl(2) with a structure, or with nothing when the request takes none. */
export function ioctl(
  fd: number,
  request: number,
  argument: Uint8Array | null,
  name: string,
): void {
  check(libc().ioctl(fd, request, argument), "ioctl", name);
}
