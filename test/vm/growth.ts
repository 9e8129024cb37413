// The proof that the first boot of a large disk need not wait for a full wipe: the data
// partition starts small and grows behind the node, through power cuts, and neither
// xfs_repair nor fio nor a read of the whole device finds anything wrong.
//
// Our kernel, started directly, with an initramfs of this machine's programs and a PID 1
// that runs the node's own storage code (growth-init.ts).
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type CpioEntry, cpioArchive } from "../../src/base/format/cpio.ts";
import { run } from "../../src/base/process/process.ts";

const PROGRAMS = ["cryptsetup", "mkfs.xfs", "xfs_repair", "blkdiscard", "fio", "dd"];

/** The data partition of a disk of 4 GiB. */
const DISK_BYTES = 2458 * 2 ** 20;

/** Emulated and on a busy machine, the growth alone takes minutes. */
const BOOT_TIMEOUT_MS = 1_500_000;

/** The table that glibc wants before /proc is mounted. */
const STACK_MAP = "00400000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n";

/** Cuts the power at moments that follow from the seed, then lets the growth end. */
export async function proveGrowth(seed: number, kernel: string): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "growth-"));
  try {
    const disk = join(folder, "disk.img");
    const descriptor = openSync(disk, "w");
    ftruncateSync(descriptor, DISK_BYTES);
    closeSync(descriptor);
    const initramfs = await makeInitramfs(folder);
    let isMade = false;
    const boot = async (words: string) => {
      const told = await bootOnce({ kernel, initramfs, disk, words });
      // Once made, a partition has to open at every boot.
      if (isMade && told.has("created-ms")) throw new TypeError("the partition did not open");
      isMade ||= told.has("covered-mib");
      return told;
    };
    const cuts: string[] = [];
    // A generator of small numbers that is the same everywhere.
    for (let state = seed; cuts.length < 3; state = (state * 48_271 + 11) % 2_147_483_647) {
      const told = await boot(`cut=${8 + (state % 30)}`);
      cuts.push(told.get("cut-at-mib") ?? told.get("grown-mib") ?? "before growing");
    }
    const told = await boot("");
    if (told.get("done") !== "yes") throw new TypeError(JSON.stringify([...told]));
    return { cuts, grownMib: told.get("grown-mib"), groups: told.get("groups") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Boot {
  readonly kernel: string;
  readonly initramfs: string;
  readonly disk: string;
  readonly words: string;
}

/** What the machine told until it went down; throws where it told of a failure. */
async function bootOnce(boot: Boot): Promise<ReadonlyMap<string, string>> {
  const { kernel, initramfs, disk, words } = boot;
  const machine = ["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1536"];
  const console = ["-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot"];
  const append = `console=ttyS0 panic=-1 quiet no_timer_check ${words}`;
  const { text } = await run(
    [
      ...["qemu-system-x86_64", ...machine, ...console],
      ...["-kernel", kernel, "-initrd", initramfs, "-append", append],
      ...["-drive", `file=${disk},if=virtio,format=raw`],
    ],
    { timeoutMs: BOOT_TIMEOUT_MS },
  );
  const told = new Map<string, string>();
  for (const [, key = "", value = ""] of text.matchAll(/GROWTH (\S+) ([^\r\n]*)/g)) {
    told.set(key, value);
  }
  if (told.size === 0 || told.has("failed")) {
    throw new TypeError(told.get("failed") ?? `the machine said nothing: ${text.slice(-500)}`);
  }
  return told;
}

/** Compiles PID 1 and packs it with the programs that it calls. */
async function makeInitramfs(folder: string): Promise<string> {
  const init = join(folder, "init");
  const source = join(import.meta.dir, "growth-init.ts");
  await run([process.execPath, "build", "--compile", source, "--outfile", init]);
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const programs = PROGRAMS.map((name) => Bun.which(name, { PATH: path }) ?? name);
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
