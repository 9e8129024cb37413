// Tests of filters: what they answer, by a reading of their programs that is as simple as the
// kernel's own. That the kernel takes and follows them is shown in test/attack.
import { expect, test } from "bun:test";
import { type FilterOptions, systemCallFilter } from "./filter.ts";
import { allGroups, numbers, systemCallGroups } from "./system-calls.ts";

const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;

/** Runs a program of classic BPF over a system call. */
function answer(options: FilterOptions, number: number, argument = 0, architecture = X86_64) {
  const bytes = systemCallFilter(options);
  const program = new DataView(bytes.buffer);
  const data = new Map([
    [0, number],
    [4, architecture],
    [16, argument],
  ]);
  for (let at = 0, loaded = 0; ; at += 1) {
    const [code, value] = [program.getUint16(at * 8, true), program.getUint32(at * 8 + 4, true)];
    const jump = (isTrue: boolean) => program.getUint8(at * 8 + (isTrue ? 2 : 3));
    if (code === 0x06) return value;
    if (code === 0x20) loaded = data.get(value) ?? 0;
    else if (code === 0x15) at += jump(loaded === value);
    else if (code === 0x35) at += jump(loaded >= value);
    else if (code === 0x45) at += jump((loaded & value) !== 0);
    else throw new TypeError(`instruction ${code}`);
  }
}

const common = { groups: [] };
const alone = { groups: [], isAlone: true };
const READ = 0;
const EXECVE = 59;

test.each([common, alone])("systemCallFilter lets ordinary calls pass: %j", (options) => {
  for (const number of [READ, EXECVE, numbers.last]) expect(answer(options, number)).toBe(ALLOW);
});

test.each(allGroups)("systemCallFilter refuses %s, unless it is needed", (group) => {
  for (const number of Object.values<number>(systemCallGroups[group])) {
    const refusal = number === numbers.clone3 ? ENOSYS : EPERM;
    expect([number, answer(common, number)]).toEqual([number, refusal]);
    expect([number, answer({ groups: [group] }, number)]).toEqual([number, ALLOW]);
  }
});

test("systemCallFilter ends who calls another way: as i386, or as x32", () => {
  expect(answer(common, READ, 0, I386)).toBe(KILL);
  expect(answer(common, 0x40000000 + READ)).toBe(KILL);
  expect(answer(common, 0xffffffff)).toBe(KILL);
});

test("systemCallFilter knows no calls that came after it", () => {
  expect(answer(common, numbers.last + 1)).toBe(ENOSYS);
});

test.each([0x10000000, 0x20000000, 0x40000000, 0x00020000])(
  "systemCallFilter lets nobody clone into namespaces: flag %d",
  (flag) => {
    expect(answer(common, numbers.clone, flag | 17)).toBe(EPERM);
    expect(answer(alone, numbers.clone, flag | 0x10000)).toBe(EPERM);
    expect(answer({ groups: ["namespace"] }, numbers.clone, flag | 17)).toBe(ALLOW);
  },
);

test("systemCallFilter lets one that is alone start threads, and no processes", () => {
  expect(answer(alone, numbers.clone, 0x3d0f00)).toBe(ALLOW);
  for (const number of [numbers.fork, numbers.vfork]) {
    expect(answer(alone, number)).toBe(EPERM);
    expect(answer(common, number)).toBe(ALLOW);
  }
  expect(answer(alone, numbers.clone, 17)).toBe(EPERM);
  expect(answer(common, numbers.clone, 17)).toBe(ALLOW);
});

test.each([
  ["unix", 1, ALLOW],
  ["inet", 2, ALLOW],
  ["inet6", 10, ALLOW],
  ["netlink", 16, ALLOW],
  ["packet", 17, EPERM],
  ["key", 15, EPERM],
  ["alg", 38, EPERM],
  ["vsock", 40, EPERM],
  ["xdp", 44, EPERM],
] as const)("systemCallFilter of one that is alone: sockets of the family %s", (_, family, is) => {
  for (const number of [numbers.socket, numbers.socketpair]) {
    expect(answer(alone, number, family)).toBe(is);
    expect(answer(common, number, family)).toBe(ALLOW);
  }
});

test.each([common, alone, { groups: allGroups }])(
  "systemCallFilter lets nobody signal init, and everybody others: %j",
  (options) => {
    const { kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo } = numbers;
    for (const number of [kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo]) {
      for (const target of [1, 0xffffffff]) expect(answer(options, number, target)).toBe(EPERM);
      for (const target of [0, 2, 0xfffffffe]) expect(answer(options, number, target)).toBe(ALLOW);
    }
    expect(answer(options, numbers.pidfd_send_signal)).toBe(ENOSYS);
  },
);
