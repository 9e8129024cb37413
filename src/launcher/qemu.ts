// QEMU's command line for one machine: a q35 with the firmware in flash, a TPM,
// one disk, perhaps a medium, a network card or two, a watchdog and a serial console.
// Nothing but arguments in, arguments out.
import { hasSideCard } from "./network.ts";
import type { MachinePaths } from "./paths.ts";
import { type Accelerator, type MachineSettings, macAddress, sideMacAddress } from "./settings.ts";

/** What a machine is powered on with. */
export interface PowerOnOptions {
  /** A file or block device in the USB port, tried first by the firmware. */
  readonly medium?: string;
  /** Where machines are processes: variables for the node agent; for tests. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What the hardware clock says at power-on, as `2036-01-01T00:00:00`; for tests. */
  readonly clock?: string;
  /** Disks of others, before its own, which it could take for its own; for tests. */
  readonly otherDisks?: readonly OtherDisk[];
  /** Texts that the board hands to whatever boots, as SMBIOS type 11; for tests. */
  readonly boardTexts?: readonly string[];
  /** Starts by a legacy BIOS instead of UEFI; for tests. */
  readonly hasLegacyBios?: boolean;
  /** Without its own disk; for tests. */
  readonly hasNoDisk?: boolean;
}

/** A raw disk, or one of which each read fails. */
export type OtherDisk = { readonly file: string } | { readonly broken: true };

/** Names by which QMP finds the parts again. */
export const device = { medium: "medium", disk: "disk" } as const;

/** All arguments, the program's name first. */
export function qemuCommand(
  settings: MachineSettings,
  paths: MachinePaths,
  cluster: { readonly accelerator: Accelerator; readonly firmware: string },
  options: PowerOnOptions = {},
): readonly string[] {
  return [
    "qemu-system-x86_64",
    ...["-name", `metropolis-${settings.number}`],
    // Whatever the user's QEMU configuration adds would be a different machine.
    ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"],
    ...processor(settings, cluster.accelerator),
    ...(options.hasLegacyBios === true ? legacyBios : firmware(cluster.firmware, paths)),
    ...(settings.hasTpm ? tpm(paths) : []),
    ...(options.clock === undefined ? [] : ["-rtc", `base=${options.clock}`]),
    ...(options.otherDisks ?? []).flatMap(otherDisk),
    ...(options.hasNoDisk === true ? [] : disk(paths)),
    ...(options.medium === undefined ? [] : medium(options.medium)),
    ...cables(settings, paths),
    ...["-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng"],
    ...["-device", "i6300esb", "-action", "watchdog=reset"],
    ...consoles(paths),
    ...Object.entries(settings.fwCfg).flatMap(([name, file]) => [
      "-fw_cfg",
      `name=${name},file=${quoted(file)}`,
    ]),
    ...kernel(settings),
    ...(options.boardTexts ?? []).flatMap((text) => ["-smbios", `type=11,value=${quoted(text)}`]),
  ];
}

function processor({ cpus, memoryMiB }: MachineSettings, accelerator: Accelerator) {
  // Under TCG `max` has all that TCG translates: Bun needs AVX2, GCM wants AES and
  // PCLMUL. Five-level page tables would only make each miss of its TLB longer.
  const cpu = accelerator === "kvm" ? "host" : "max,la57=off";
  return [
    ...["-machine", "q35,smm=on,vmport=off"],
    ...["-accel", accelerator === "kvm" ? "kvm" : "tcg,thread=multi,tb-size=512"],
    ...["-cpu", cpu, "-smp", String(cpus), "-m", `${memoryMiB}M`],
  ];
}

/** Secure Boot wants flash that only system management mode can write. */
function firmware(code: string, { variables }: MachinePaths) {
  return [
    ...["-global", "driver=cfi.pflash01,property=secure,value=on"],
    // OVMF cannot keep its secrets over S3, and says so by refusing to start.
    ...["-global", "ICH9-LPC.disable_s3=1"],
    ...["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${quoted(code)}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${quoted(variables)}`],
  ];
}

/** QEMU's own, which shows its screen on the serial line when it is told that there is none. */
const legacyBios = ["-machine", "graphics=off"];

function tpm({ tpmSocket }: MachinePaths) {
  return [
    ...["-chardev", `socket,id=tpm,path=${quoted(tpmSocket)}`],
    ...["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"],
  ];
}

function disk({ disk: file }: MachinePaths) {
  const options = "if=none,format=raw,discard=unmap,detect-zeroes=unmap";
  return [
    ...["-drive", `${options},id=${device.disk},file=${quoted(file)}`],
    ...["-device", `virtio-blk-pci,drive=${device.disk},bootindex=1,serial=metropolis`],
  ];
}

/** QEMU hands out addresses in order: the kernel finds these before the machine's own. */
function otherDisk(disk: OtherDisk, index: number) {
  const name = `other${index}`;
  const image = { driver: "null-co", size: 2 ** 32 } as const;
  const failure = { event: "none", iotype: "read", errno: 5, once: false } as const;
  const drive =
    "file" in disk
      ? { driver: "raw", "node-name": name, file: { driver: "file", filename: disk.file } }
      : { driver: "blkdebug", "node-name": name, image, "inject-error": [failure] };
  return [
    ...["-blockdev", JSON.stringify(drive)],
    ...["-device", `virtio-blk-pci,drive=${name},serial=${name}`],
  ];
}

function medium(file: string) {
  return [
    ...["-device", "qemu-xhci,id=usb"],
    // Read-only, as a stick with its switch set: an installer has no reason to write.
    ...["-drive", `if=none,format=raw,readonly=on,id=stick,file=${quoted(file)}`],
    "-device",
    `usb-storage,id=${device.medium},bus=usb.0,drive=stick,removable=on,bootindex=0`,
  ];
}

/** Frames travel as datagrams between two sockets: no tap device, no privilege. */
function cables(settings: MachineSettings, paths: MachinePaths) {
  const { networkSocket, cableSocket, sideNetworkSocket, sideCableSocket } = paths;
  const { number } = settings;
  const main = cable("net", networkSocket, cableSocket, macAddress(number));
  if (!hasSideCard(settings)) return main;
  // Before the other one: its name in the machine comes first.
  return [...cable("side", sideNetworkSocket, sideCableSocket, sideMacAddress(number)), ...main];
}

function cable(id: string, networkSocket: string, cableSocket: string, mac: string) {
  const local = `local.type=unix,local.path=${quoted(networkSocket)}`;
  const remote = `remote.type=unix,remote.path=${quoted(cableSocket)}`;
  return [
    ...["-netdev", `dgram,id=${id},${local},${remote}`],
    // No option ROM: the firmware need not try to boot from the network.
    ...["-device", `virtio-net-pci,netdev=${id},mac=${mac},romfile=`],
  ];
}

function consoles({ serialSocket, console: log, qmpSocket }: MachinePaths) {
  const serial = `socket,id=serial,path=${quoted(serialSocket)},server=on,wait=off`;
  return [
    ...["-chardev", `${serial},logfile=${quoted(log)},logappend=on`, "-serial", "chardev:serial"],
    ...["-qmp", `unix:${quoted(qmpSocket)},server=on,wait=off`],
  ];
}

function kernel({ kernel: direct }: MachineSettings) {
  if (direct === undefined) return [];
  return ["-kernel", direct.file, "-append", direct.commandLine];
}

/** A comma ends an option's value unless it is doubled. */
function quoted(path: string): string {
  return path.replaceAll(",", ",,");
}
