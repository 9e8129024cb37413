// What programs may do on a machine: our kernel, started directly, with the files of the system image
// and a PID 1 that starts programs as the node agent does (programs-init.ts). One boot shows both
// sides: the tools of a node do their work, and who takes one over gets nothing else.
import { expect, test } from "bun:test";
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { capabilities as known } from "../../src/base/confinement/confinement.ts";
import { type CpioEntry, cpioArchive } from "../../src/base/format/cpio.ts";
import { run } from "../../src/base/process/process.ts";
import { skeleton } from "../../src/image/build/skeleton.ts";
import { accounts, type ProgramRow, programs } from "../../src/image/image.ts";
import { bootDirectly } from "./direct.ts";
import { outputs } from "./golden.ts";

const DISK_BYTES = 1_200 * 2 ** 20;

/** Refused at the door; see test/attack. What a name leads to must have been there: no ENOENT. */
const REFUSED = /^(EPERM|EACCES|ENOSYS)$/;

/** What even a taken-over agent does not get. */
const NOT_EVEN_THE_AGENTS = [
  ...["a module", "a module from a file", "to reboot", "another kernel"],
  ...["another kernel from a file", "ports of the machine", "to trace its parent"],
  ...["the memory of its parent", "to write into its parent", "a descriptor of its parent"],
  ...["a BPF program", "io_uring", "performance counters", "to handle page faults"],
  ...["a user namespace", "another's namespace", "files by their handles", "to watch all files"],
  ...["to signal init", "to signal a thread of init", "to signal everybody"],
  ...["to signal by a descriptor"],
];

let told: Promise<ReadonlyMap<string, string>> | undefined;

/** What the machine told; it boots once for all tests. */
function machine(): Promise<ReadonlyMap<string, string>> {
  told ??= boot();
  return told;
}

async function boot(): Promise<ReadonlyMap<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "programs-"));
  try {
    const disk = join(folder, "disk.img");
    const descriptor = openSync(disk, "w");
    ftruncateSync(descriptor, DISK_BYTES);
    closeSync(descriptor);
    const initramfs = await makeInitramfs(folder);
    const kernel = realpathSync(join(outputs, "bzImage"));
    const text = await bootDirectly({ kernel, initramfs, disk });
    const lines = [...text.matchAll(/PROGRAMS (\S+) ([^\r\n]*)/g)];
    const all = new Map(lines.map(([, key = "", value = ""]) => [key, value]));
    if (all.get("done") !== "yes") throw new TypeError(all.get("failed") ?? text.slice(-2_000));
    return all;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The system's files, with another /init. */
async function makeInitramfs(folder: string): Promise<string> {
  const init = join(folder, "init");
  const source = join(import.meta.dir, "programs-init.ts");
  await run([process.execPath, "build", "--compile", source, "--outfile", init]);
  const packages = join(dirname(realpathSync(join(outputs, "setpriv"))), "root");
  const entries = new Map<string, CpioEntry>(skeleton.map((each) => [each.path, each]));
  for (const root of [packages, join(import.meta.dir, "../../initramfs/root")]) {
    for (const entry of entriesBelow(root)) entries.set(entry.path, entry);
  }
  for (const [path, from] of [
    ["init", init],
    ["usr/bin/etcd", realpathSync(join(outputs, "etcd"))],
  ] as const) {
    entries.set(path, { kind: "file", path, mode: 0o755, bytes: readFileSync(from) });
  }
  // The kernel makes this one for archives of its own only.
  const console = { kind: "device", path: "dev/console", major: 5, minor: 1 } as const;
  const archive = join(folder, "initramfs.cpio");
  writeFileSync(archive, cpioArchive([...entries.values(), console]));
  return archive;
}

function entriesBelow(root: string): readonly CpioEntry[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  return names.map((path): CpioEntry => {
    const from = join(root, path);
    const stat = lstatSync(from);
    if (stat.isSymbolicLink()) return { kind: "link", path, target: readlinkSync(from) };
    if (stat.isDirectory()) return { kind: "folder", path };
    return { kind: "file", path, mode: stat.mode & 0o777, bytes: readFileSync(from) };
  });
}

/** What the kernel answered to each wish of whoever took a program over. */
async function answers(program: string): Promise<ReadonlyMap<string, string>> {
  return new Map(JSON.parse((await machine()).get(program) ?? "[]") as [string, string][]);
}

/** The programs of a node that has all roles, as long as it runs. */
const LASTING = ["node", "etcd", "curator", "chronyd", "dhcpcd"];

/** WireGuard's, which is the kernel's, and those that are open only for a while. */
const KERNEL = ["7838/udp"];
const PASSING = ["7847/tcp", "546/udp", "68/udp"];

/** Holds the log of a running node against the table: what the kernel says that its programs may. */
export function expectConfined(logs: string): void {
  for (const name of LASTING) {
    const row = programs[name];
    const may = new RegExp(`\\] ${name} runs as (.*)$`, "m").exec(logs)?.[1];
    expect(row === undefined ? [] : rowWords(row)).toContain(may ?? `${name} does not say`);
  }
  const said = [...logs.matchAll(/\] Listening at (.*)$/gm)].at(-1)?.[1] ?? "";
  const open = said.split(", ").map((each) => each.replace(" (this machine only)", ""));
  const listed = [...Object.values(programs).flatMap(({ ports }) => ports), ...KERNEL];
  // Nothing listens that the handbook does not name, and what it names does.
  expect(open.filter((each) => !listed.includes(each))).toEqual([]);
  expect(listed.filter((each) => !open.includes(each) && !PASSING.includes(each))).toEqual([]);
}

/** What it may say that it runs as; one that changes its user may be asked before or after. */
function rowWords({ account, becomes = account, capabilities }: ProgramRow): readonly string[] {
  const all = Object.keys(known).filter((name) => capabilities.some((each) => each === name));
  const many = all.length > 8 ? `${all.length} capabilities` : `capabilities ${all.join(" ")}`;
  const words = all.length === 0 ? "no capabilities" : many;
  return [account, becomes].map(
    (name) => `user ${accounts[name]}, ${words}, no new privileges, filtered`,
  );
}

/** Registers the tests. */
export function confinedPrograms(): void {
  test("the tools of a node do their work with no more than the table gives them", async () => {
    const all = await machine();
    expect([all.get("disk"), all.get("network")]).toEqual(["works", "works"]);
  });

  test("a peer that answers nowhere is dialled at its next address, where WireGuard reaches it", async () => {
    const lines = (await machine()).get("mesh") ?? "";
    expect(lines).toMatch(/No answer of far at 10\.1\.0\.9: trying 10\.1\.0\.3; .*Reaching far$/);
  });

  test("what comes from an address of two cards is led by its own", async () => {
    const rules = (await machine()).get("sources") ?? "";
    expect(rules).toMatch(/from 10\.8\.0\.2 lookup 1290 .*from 10\.9\.0\.2 lookup 1291 /);
  });

  test("a data partition whose header names another cipher is not opened", async () => {
    const all = await machine();
    expect(all.get("forged")).toContain("somebody changed segments");
  });

  test("a taken-over curator gets neither TPM, disk and ESP nor anything of other programs", async () => {
    const curator = await answers("curator");
    const own = /^to (read \/data\/node\/credentials\/|create \/run\/metropolis)/;
    const granted = [...curator].filter(([wish, answer]) =>
      own.test(wish) ? answer !== "ok" : !REFUSED.test(answer),
    );
    expect(curator.size).toBeGreaterThan(75);
    expect(granted).toEqual([]);
  });

  test("a taken-over agent gets neither the kernel nor other processes", async () => {
    const agent = await answers("agent");
    const granted = NOT_EVEN_THE_AGENTS.filter((wish) => !REFUSED.test(agent.get(wish) ?? ""));
    expect(granted).toEqual([]);
  });

  test("a taken-over agent lays nothing over what init starts next", async () => {
    expect((await answers("cover")).get("to cover /usr/bin/setpriv")).toBe("ok");
    expect((await machine()).get("setpriv")).toBe("ours");
  });
}
