// What runs in the place of a program that was taken over: it tries what an attacker would, by bare
// system calls, and prints what the kernel answered to each as JSON.
//
//   attacker [--read PATH]... [--write PATH]... [--run PATH]...
//   attacker --cover PATH   or   attacker --x32
import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";

const { i32, i64, ptr: pointer } = FFIType;
const libc = dlopen("libc.so.6", {
  syscall: { args: [i64, i64, i64, i64, i64, i64, i64], returns: i64 },
  __errno_location: { args: [], returns: pointer },
  getppid: { args: [], returns: i32 },
}).symbols;

/** Kept, so that no text is collected while the kernel reads it. */
const kept: Uint8Array[] = [];

function text(value: string): number {
  const bytes = new TextEncoder().encode(`${value}\0`);
  kept.push(bytes);
  return ptr(bytes);
}

function buffer(bytes = 256): number {
  const zeros = new Uint8Array(bytes);
  kept.push(zeros);
  return ptr(zeros);
}

/** What the kernel answers: `ok`, or the name of its error. */
function call(number: number, ...args: readonly number[]): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
  const answer = Number(libc.syscall(number, a, b, c, d, e, f));
  if (answer !== -1) return "ok";
  return getSystemErrorName(-read.i32(libc.__errno_location() as Pointer, 0));
}

const OPEN = 2;
const [O_RDONLY, O_WRONLY, O_CREATE] = [0, 1, 0o101] as const;
const open = (path: string, flags: number) => call(OPEN, text(path), flags, 0o600);
const CLONE_NEWUSER = 0x10000000;
const [SIGCHLD, CLONE3] = [17, 435] as const;
const parent = libc.getppid();

/** By what an attacker wants. Harmless where the kernel should let one through. */
const wishes: Readonly<Record<string, () => string>> = {
  "the memory of process 1": () => open("/proc/1/mem", O_RDONLY),
  "the environment of process 1": () => open("/proc/1/environ", O_RDONLY),
  "to trace its parent": () => call(101, 16, parent),
  "the memory of its parent": () => call(310, parent, buffer(), 1, buffer(), 1),
  "to write into its parent": () => call(311, parent, buffer(), 1, buffer(), 1),
  "a descriptor of its parent": () => call(438, 0, 0, 0),
  "to end its parent": () => call(62, parent, 0),
  "to signal init": () => call(62, 1, 0),
  "to signal a thread of init": () => call(234, 1, 1, 0),
  "to signal everybody": () => call(62, -1, 0),
  "to signal by a descriptor": () => call(424, -1, 0, 0, 0),
  "to mount": () => call(165, text("none"), text("/tmp"), text("tmpfs")),
  "to mount the new way": () => call(430, text("tmpfs")),
  "to unmount /proc": () => call(166, text("/proc"), 2),
  "another root": () => call(161, text("/proc")),
  "a user namespace": () => call(272, CLONE_NEWUSER),
  "a user namespace by clone": () => call(56, CLONE_NEWUSER | SIGCHLD),
  "a user namespace by clone3": () => call(CLONE3, buffer(), 88),
  "another's namespace": () => call(308, 0, 0),
  "a module": () => call(175, buffer(), 16, text("")),
  "a module from a file": () => call(313, 0, text("")),
  "to reboot": () => call(169, 0xfee1dead, 672274793, 0),
  "another kernel": () => call(246, 0, 0, 0),
  "another kernel from a file": () => call(320, 0, 0, 0),
  "ports of the machine": () => call(172, 3),
  "raw packets": () => call(41, 17, 3, 0x0300),
  "raw IP": () => call(41, 2, 3, 1),
  "the kernel's ciphers": () => call(41, 38, 5, 0),
  "the hypervisor": () => call(41, 40, 1, 0),
  "a BPF program": () => call(321, 0, buffer(), 128),
  io_uring: () => call(425, 1, buffer()),
  "performance counters": () => call(298, buffer(), 0, -1, -1, 0),
  "to handle page faults": () => call(323, 0),
  "the kernel's keys": () => call(250, 0, -3, 1),
  "a key of its own there": () => call(248, text("user"), text("x"), text("y"), 1, -3),
  "files by their handles": () => call(304, -100, buffer(), 0),
  "to watch all files": () => call(300, 0, 0),
  "to be root": () => call(105, 0),
  "all capabilities": () => call(126, capabilityHeader(), ptr(allCapabilities())),
  "another process": () => call(57),
  "the time": () => call(227, 0, buffer()),
  "another name for the machine": () => call(170, text("x"), 1),
  "a device": () => call(133, text("/tmp/device"), 0o60600, 0x0800),
  "to swap": () => call(167, text("/tmp"), 0),
  "the kernel's messages": () => call(103, 3, buffer(), 16),
  "the kernel's settings": () => open("/proc/sys/kernel/hostname", O_WRONLY),
  "a file in /tmp": () => open("/tmp/left-by-attacker", O_CREATE),
};

function capabilityHeader(): number {
  const header = new Uint32Array([0x20080522, 0]);
  kept.push(new Uint8Array(header.buffer));
  return ptr(header);
}

function allCapabilities(): Uint32Array {
  return new Uint32Array([~0, ~0, ~0, 0x1ff, 0x1ff, 0x1ff]);
}

const MS_BIND = 0x1000;
const cover = (path: string) => call(165, text("/proc/version"), text(path), 0, MS_BIND, 0);

/** The same for paths that the test names: what is to be read, written, executed or covered. */
function wishesFor(args: readonly string[]): Readonly<Record<string, () => string>> {
  const found: Record<string, () => string> = {};
  for (let at = 0; at < args.length; at += 2) {
    const [what, path = ""] = args.slice(at, at + 2);
    if (what === "--read") found[`to read ${path}`] = () => open(path, O_RDONLY);
    if (what === "--write") found[`to write ${path}`] = () => open(path, O_WRONLY);
    if (what === "--create") found[`to create ${path}`] = () => open(path, O_CREATE);
    if (what === "--cover") found[`to cover ${path}`] = () => cover(path);
    const argv = new BigUint64Array([BigInt(text(path)), 0n]);
    if (what === "--run") found[`to run ${path}`] = () => call(59, text(path), ptr(argv), 0);
  }
  return found;
}

/** Tries everything. Never returns an exit code but 0: what matters is on the standard output. */
export function attack(args: readonly string[]): void {
  // Another way in to the same calls, by which many a filter was passed: it should be the end.
  if (args[0] === "--x32") return void call(0x40000000 + 39);
  // Alone: who gets the wishes above leaves itself no file system to go on with.
  const general = args[0] === "--cover" ? {} : wishes;
  const all = Object.entries({ ...general, ...wishesFor(args) });
  process.stdout.write(`${JSON.stringify(all.map(([wish, attempt]) => [wish, attempt()]))}\n`);
}

if (import.meta.main) attack(process.argv.slice(2));
