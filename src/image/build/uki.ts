// What firmware boots, signed: systemd-boot, the unified kernel image of nodes, and that of the
// installer.
//
//   node UKI:       systemd-stub + kernel + command line with the verity table   (no initramfs)
//                   + signed policy, by which TPMs open nodes' keys for this image alone
//   installer UKI:  systemd-stub + kernel + command line + our executable as initramfs
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addSections, type NewSection } from "../../base/format/pe.ts";
import { EPOCH, epochReference } from "../epoch.ts";
import { slotId } from "../layout.ts";
import type { VerityManifest } from "../manifest.ts";
import { predictPcrs } from "../measured-boot.ts";
import { installerArchive } from "./initramfs.ts";
import { policyKeysOf, signFile } from "./keys.ts";
import { signedPolicySection } from "./policy-keys.ts";
import type { BuildSettings } from "./settings.ts";
import { osRelease } from "./skeleton.ts";
import { BuildError, type Stage, type StageRun } from "./stage.ts";
import { readVerity } from "./system.ts";
import { readVersion } from "./version.ts";

const BOOT_FILES = "root/usr/lib/systemd/boot/efi";
const SECTORS_PER_BLOCK = 8;
/** Firmware hashes every byte several times at each boot: the budget of the node's image. */
const MAX_NODE_BYTES = 14_000_000;

/** The last console is the one that /dev/console means: the serial line. */
const CONSOLES = "console=tty0 console=ttyS0,115200";
/** A kernel that has failed resets at once, so that the boot loader counts the attempt. */
const ON_FAILURE = "panic=-1 oops=panic";

/**
 * The last word of every command line: behind it the kernel reads no parameters any more, and hands
 * the rest to init, which ignores it. systemd-stub appends there what the hypervisor or the board
 * puts into SMBIOS type 11, also under Secure Boot, and a second `root=` would win.
 */
const END = "--";

/**
 * On a loaded host an emulated timer can fail the kernel's check of it, which
 * ends in a panic; the check only serves chip sets that no server has any more.
 */
const TIMER = "no_timer_check";

/**
 * Resets a node whose kernel never gets to our program, as when its system partition is gone: the
 * kernel waits for it without end. Init takes this watchdog over. Disk shelves spin up within two
 * minutes; an emulated machine among others takes one.
 */
const WATCHDOG = "softdog.soft_active_on_boot=1 softdog.soft_margin=180 softdog.soft_panic=1";

/**
 * Pages are handed out in an order that nobody can foresee, and wiped then. To wipe them when they
 * are freed as well, the kernel would begin with all memory there is: 3.3 s of a processor per GiB
 * in an emulated machine, all of whose memory its host would then have to find.
 */
const MEMORY = "page_alloc.shuffle=1 init_on_free=0";

/** Signs systemd-boot. */
export function bootLoaderStage(settings: BuildSettings): Stage {
  return {
    name: "systemd-boot",
    summary: "systemd-boot, signed",
    needs: ["host", "keys"],
    code: import.meta.path,
    inputs: async () => [],
    async make({ folder, result }) {
      const file = join(result("host"), BOOT_FILES, "systemd-bootx64.efi");
      await writeSigned(settings, join(folder, "systemd-boot.efi"), await readFile(file));
    },
    output: "systemd-boot.efi",
    links: { "systemd-boot.efi": "systemd-boot.efi" },
  };
}

/** Makes the kernel image of nodes, which boots one system image and no other. */
export function ukiStage(settings: BuildSettings): Stage {
  return {
    name: "uki",
    summary: "the kernel image of nodes, signed, for exactly this system image",
    needs: ["kernel", "host", "keys", "system"],
    code: import.meta.path,
    inputs: async () => [await readVersion(settings), epochReference(EPOCH)],
    async make(run) {
      const commandLine = nodeCommandLine(await readVerity(run.result("system")));
      const path = join(run.folder, "metropolis.efi");
      const sections = await kernelSections(settings, run, commandLine, []);
      const policy = signedPolicySection(
        await policyKeysOf(settings),
        predictPcrs(await kernelImage(run, sections)),
      );
      const size = await writeKernelImage(settings, run, path, [policy, ...sections]);
      if (size <= MAX_NODE_BYTES) return;
      throw new BuildError(`metropolis.efi: ${size} bytes, more than ${MAX_NODE_BYTES}`);
    },
    output: "metropolis.efi",
    links: { "metropolis.efi": "metropolis.efi" },
  };
}

/** Makes the kernel image of the installer, which carries our executable with it. */
export function installerStage(settings: BuildSettings): Stage {
  return {
    name: "installer",
    summary: "the kernel image of the installer, signed",
    needs: ["kernel", "host", "keys", "packages", "executable"],
    code: import.meta.path,
    inputs: async () => [await readVersion(settings), settings.isQuick ? "quick" : "full"],
    async make(run) {
      const executable = join(run.result("executable"), "metropolis");
      const archive = await installerArchive(
        join(run.result("packages"), "root"),
        executable,
        settings.isQuick,
      );
      const initramfs = { name: ".initrd", bytes: archive };
      const path = join(run.folder, "installer.efi");
      const sections = await kernelSections(settings, run, installerCommandLine(), [initramfs]);
      await writeKernelImage(settings, run, path, sections);
    },
    output: "installer.efi",
    links: { "installer.efi": "installer.efi" },
  };
}

/**
 * The kernel's command line on a node: which partition holds the system, and how to check it.
 *
 * The partition is found by its GUID, the first half of the root hash, so the kernel waits for that
 * very image and cannot pick another slot's. A block that does not fit its hash ends the boot. No
 * initramfs is loaded, whoever offers one: a loader entry can, and its /init would be PID 1.
 */
export function nodeCommandLine({ rootHash, salt, dataBlocks }: VerityManifest): string {
  const partition = `PARTUUID=${slotId(rootHash)}`;
  const blocks = `4096 4096 ${dataBlocks} ${dataBlocks}`;
  const target = `verity 1 ${partition} ${partition} ${blocks} sha256 ${rootHash} ${salt}`;
  const table = `0 ${dataBlocks * SECTORS_PER_BLOCK} ${target} 1 panic_on_corruption`;
  return [
    `dm-mod.waitfor=${partition}`,
    `dm-mod.create="system,,,ro,${table}"`,
    "root=/dev/dm-0 rootfstype=erofs ro init=/init",
    ON_FAILURE,
    TIMER,
    WATCHDOG,
    MEMORY,
    "loglevel=4",
    CONSOLES,
    "noinitrd",
    END,
  ].join(" ");
}

/** The kernel's command line on the installation medium: its initramfs is what runs. */
export function installerCommandLine(): string {
  return [ON_FAILURE, TIMER, MEMORY, "loglevel=4", CONSOLES, END].join(" ");
}

async function kernelSections(
  settings: BuildSettings,
  { result }: StageRun,
  commandLine: string,
  more: readonly NewSection[],
): Promise<readonly NewSection[]> {
  const kernel = await readFile(join(result("kernel"), "bzImage"));
  const text = (name: string, content: string) => ({
    name,
    bytes: new TextEncoder().encode(content),
  });
  return [
    text(".osrel", osRelease(await readVersion(settings))),
    // The stub takes these as strings of C.
    text(".cmdline", `${commandLine}\0`),
    text(".uname", `${kernelRelease(kernel)}\0`),
    ...more,
    { name: ".linux", bytes: kernel, isCode: true },
  ];
}

async function kernelImage(
  { result }: StageRun,
  sections: readonly NewSection[],
): Promise<Uint8Array> {
  const stub = await readFile(join(result("host"), BOOT_FILES, "linuxx64.efi.stub"));
  return addSections(stub, sections);
}

async function writeKernelImage(
  settings: BuildSettings,
  run: StageRun,
  path: string,
  sections: readonly NewSection[],
): Promise<number> {
  return writeSigned(settings, path, await kernelImage(run, sections));
}

async function writeSigned(
  { keys }: BuildSettings,
  path: string,
  image: Uint8Array,
): Promise<number> {
  const signed = await signFile(keys, image);
  await writeFile(path, signed);
  return signed.length;
}

/** The release that a kernel calls itself, from the header of its image. */
export function kernelRelease(image: Uint8Array): string {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const start = view.getUint16(0x20e, true) + 0x200;
  const text = new TextDecoder().decode(image.subarray(start, start + 128));
  return text.split(/[ \0]/)[0] ?? "";
}
