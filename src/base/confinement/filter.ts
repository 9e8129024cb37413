// Filters of system calls as the kernel takes them (seccomp(2)): programs of classic BPF, written
// here because nothing that Debian packages makes one from a list. All calls pass but those of the
// groups that a program has no need of.
//
// For calls that do not depend on their arguments the kernel keeps the answers in a bitmap, so the
// length of the list costs nothing.
import { allGroups, numbers, type SystemCallGroup, systemCallGroups } from "./system-calls.ts";

/** What of the kernel a program may call. */
export interface FilterOptions {
  /** Groups it needs; all others are refused. */
  readonly groups: readonly SystemCallGroup[];
  /** Starts no other program and talks by the Internet and unix sockets only. */
  readonly isAlone?: boolean;
}

/** Offsets in struct seccomp_data. */
const data = { number: 0, architecture: 4, firstArgument: 16 } as const;

const X86_64 = 0xc000003e;
/** Numbers of the x32 ABI, another way in to most calls. */
const X32 = 0x40000000;

const code = { load: 0x20, jumpEqual: 0x15, jumpAtLeast: 0x35, jumpAny: 0x45, answer: 0x06 };

/** Answers, as linux/seccomp.h has them; errors are those of errno.h. */
const answers = {
  allow: 0x7fff0000,
  kill: 0x80000000,
  refuse: 0x00050000 + 1,
  /** What programs take for an older kernel, so that they try another way. */
  unknown: 0x00050000 + 38,
} as const;

/** Every CLONE_NEW* that clone(2) knows. */
const NEW_NAMESPACES = 0x7e020000;
const CLONE_THREAD = 0x00010000;

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: the last for the machine's own addresses. */
const FAMILIES = [1, 2, 10, 16] as const;

/** PID 1, which a signal makes end the machine. */
const INIT = 1;
/** To `kill`: everybody. */
const ALL = 0xffffffff;

type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, value: number];
type Answer = keyof typeof answers;

const load = (offset: number): Instruction => [code.load, 0, 0, offset];
const answer = (name: Answer): Instruction => [code.answer, 0, 0, answers[name]];

/** Answers where the loaded value is this one, else goes on. */
function whenEqual(value: number, name: Answer): readonly Instruction[] {
  return [[code.jumpEqual, 0, 1, value], answer(name)];
}

/** Runs `body`, which ends with an answer, for one call; the number stays loaded for the others. */
function forCall(number: number, body: readonly Instruction[]): readonly Instruction[] {
  return [[code.jumpEqual, 0, body.length, number], ...body];
}

/** New processes: none in new namespaces, and for one that is alone only threads. */
function cloneRules({ groups, isAlone = false }: FilterOptions): readonly Instruction[] {
  if (isAlone) {
    const flags: readonly Instruction[] = [
      load(data.firstArgument),
      [code.jumpAny, 0, 2, CLONE_THREAD],
      [code.jumpAny, 1, 0, NEW_NAMESPACES],
      answer("allow"),
      answer("refuse"),
    ];
    return [
      ...whenEqual(numbers.fork, "refuse"),
      ...whenEqual(numbers.vfork, "refuse"),
      ...forCall(numbers.clone, flags),
    ];
  }
  if (groups.includes("namespace")) return [];
  const flags: readonly Instruction[] = [
    load(data.firstArgument),
    [code.jumpAny, 1, 0, NEW_NAMESPACES],
    answer("allow"),
    answer("refuse"),
  ];
  return forCall(numbers.clone, flags);
}

function socketRules({ isAlone = false }: FilterOptions): readonly Instruction[] {
  if (!isAlone) return [];
  const body: readonly Instruction[] = [
    load(data.firstArgument),
    ...FAMILIES.flatMap((family) => whenEqual(family, "allow")),
    answer("refuse"),
  ];
  return [...forCall(numbers.socket, body), ...forCall(numbers.socketpair, body)];
}

/**
 * Signals, of which none may go to init: who can send it one, as everybody can who has its user or
 * CAP_KILL, ends the machine, and reboot(2) need not be his.
 */
function signalRules(): readonly Instruction[] {
  const body: readonly Instruction[] = [
    load(data.firstArgument),
    ...whenEqual(INIT, "refuse"),
    ...whenEqual(ALL, "refuse"),
    answer("allow"),
  ];
  const { kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo } = numbers;
  const calls = [kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo];
  // Whose process a descriptor is, a filter cannot see.
  const byDescriptor = whenEqual(numbers.pidfd_send_signal, "unknown");
  return [...calls.flatMap((number) => forCall(number, body)), ...byDescriptor];
}

function groupRules({ groups }: FilterOptions): readonly Instruction[] {
  return allGroups
    .filter((group) => !groups.includes(group))
    .flatMap((group) => Object.values<number>(systemCallGroups[group]))
    .flatMap((number) => whenEqual(number, number === numbers.clone3 ? "unknown" : "refuse"));
}

/** The filter, as `setpriv --seccomp-filter` reads it. */
export function systemCallFilter(options: FilterOptions): Uint8Array {
  return assemble([
    load(data.architecture),
    [code.jumpEqual, 1, 0, X86_64],
    answer("kill"),
    load(data.number),
    [code.jumpAtLeast, 0, 1, X32],
    answer("kill"),
    [code.jumpAtLeast, 0, 1, numbers.last + 1],
    answer("unknown"),
    ...cloneRules(options),
    ...socketRules(options),
    ...signalRules(),
    ...groupRules(options),
    answer("allow"),
  ]);
}

/** Each is a struct sock_filter of eight bytes. */
function assemble(program: readonly Instruction[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(program.length * 8));
  for (const [index, [operation, whenTrue, whenFalse, value]] of program.entries()) {
    bytes.setUint16(index * 8, operation, true);
    bytes.setUint8(index * 8 + 2, whenTrue);
    bytes.setUint8(index * 8 + 3, whenFalse);
    bytes.setUint32(index * 8 + 4, value, true);
  }
  return new Uint8Array(bytes.buffer);
}
