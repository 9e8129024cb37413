// Our kernel started directly, with a PID 1 of a test's own in an initramfs: for what can
// only be seen from inside, with the product's own code and no firmware before it.
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type CpioEntry, cpioArchive } from "../../src/base/format/cpio.ts";
import { run } from "../../src/base/process/process.ts";

/** Emulated and on a busy machine, what is done inside may take minutes. */
const BOOT_TIMEOUT_MS = 1_500_000;

/** The table that glibc wants before /proc is mounted. */
const STACK_MAP = "00400000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n";

/** A machine for one boot. */
export interface DirectBoot {
  readonly kernel: string;
  readonly initramfs: string;
  /** A raw disk, which becomes /dev/vda. */
  readonly disk?: string;
  /** More words for the kernel's command line. */
  readonly words?: string;
}

/** Boots until the machine goes down, and gives what its console showed. */
export async function bootDirectly(boot: DirectBoot): Promise<string> {
  const { kernel, initramfs, disk, words = "" } = boot;
  const machine = ["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1536"];
  const console = ["-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot"];
  const append = `console=ttyS0 panic=-1 quiet no_timer_check ${words}`;
  const drive = disk === undefined ? [] : ["-drive", `file=${disk},if=virtio,format=raw`];
  const { text } = await run(
    [
      ...["qemu-system-x86_64", ...machine, ...console],
      ...["-kernel", kernel, "-initrd", initramfs, "-append", append],
      ...drive,
    ],
    { timeoutMs: BOOT_TIMEOUT_MS },
  );
  return text;
}

/** Compiles `source` as PID 1 and packs it with the programs of this host that it calls. */
export async function directInitramfs(
  folder: string,
  source: string,
  names: readonly string[] = [],
): Promise<string> {
  const init = join(folder, "init");
  await run([process.execPath, "build", "--compile", source, "--outfile", init]);
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const programs = names.map((name) => Bun.which(name, { PATH: path }) ?? name);
  const files = new Map([["init", init]]);
  for (const program of programs) files.set(`bin/${basename(program)}`, program);
  for (const program of [init, ...programs]) {
    for (const library of await librariesOf(program)) files.set(library.slice(1), library);
  }
  const archive = join(folder, "initramfs.cpio");
  writeFileSync(archive, cpioArchive(entriesOf(files)));
  return archive;
}

/** The libraries that a program is linked with, its loader included. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const { text } = await run(["ldd", program]);
  return [...text.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}

function entriesOf(files: ReadonlyMap<string, string>): readonly CpioEntry[] {
  const mountPoints = ["proc", "proc/self", "sys", "dev", "run", "tmp", "mnt"];
  const folders = new Set<string>(mountPoints);
  for (const path of files.keys()) {
    for (let at = dirname(path); at !== "."; at = dirname(at)) folders.add(at);
  }
  return [
    ...[...folders].sort().map((path) => ({ kind: "folder", path }) as const),
    // The kernel makes this one for archives of its own only.
    { kind: "device", path: "dev/console", major: 5, minor: 1 },
    { kind: "file", path: "proc/self/maps", bytes: new TextEncoder().encode(STACK_MAP) },
    { kind: "link", path: "proc/self/exe", target: "/init" },
    ...[...files].map(
      ([path, from]) =>
        ({ kind: "file", path, mode: 0o755, bytes: readFileSync(realpathSync(from)) }) as const,
    ),
  ];
}
