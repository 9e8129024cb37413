// QEMU's arguments, for the machines that tests and people ask for.
import { expect, test } from "bun:test";
import { machinePaths, pathsOf } from "./paths.ts";
import { type PowerOnOptions, qemuCommand } from "./qemu.ts";
import type { Accelerator, MachineSettings } from "./settings.ts";

const plain: MachineSettings = { number: 3, memoryMiB: 1024, cpus: 2, hasTpm: true, fwCfg: {} };

function line(
  machine: Partial<MachineSettings> = {},
  options: PowerOnOptions = {},
  accelerator: Accelerator = "tcg",
  folder = "/c/demo",
): string {
  const paths = machinePaths(pathsOf(folder, { XDG_RUNTIME_DIR: "/run/user/7" }), 3);
  const cluster = { accelerator, firmware: "/out/OVMF_CODE.fd" };
  return qemuCommand({ ...plain, ...machine }, paths, cluster, options).join(" ");
}

test("qemuCommand guards the firmware's variables from the kernel", () => {
  expect(line()).toContain("driver=cfi.pflash01,property=secure,value=on");
  expect(line()).toContain("q35,smm=on");
  expect(line()).toContain("unit=0,readonly=on,file=/out/OVMF_CODE.fd");
  expect(line()).toContain("unit=1,file=/c/demo/machines/3/vars.fd");
});

test.each([
  ["tcg", "tcg,thread=multi", "-cpu max,la57=off"],
  ["kvm", "-accel kvm", "-cpu host"],
] as const)("qemuCommand runs code by %s", (accelerator, accel, cpu) => {
  expect(line({}, {}, accelerator)).toContain(accel);
  expect(line({}, {}, accelerator)).toContain(cpu);
});

test("qemuCommand boots from the disk alone when there is no medium", () => {
  expect(line()).toContain("virtio-blk-pci,drive=disk,bootindex=1");
  expect(line()).not.toContain("usb-storage");
});

test("qemuCommand tries a medium before the disk, and never writes to it", () => {
  const command = line({}, { medium: "/m.img" });
  expect(command).toContain("readonly=on,id=stick,file=/m.img");
  expect(command).toMatch(/usb-storage,id=medium,\S*bootindex=0/);
});

test("qemuCommand leaves the TPM out on request", () => {
  expect(line()).toContain("tpm-crb");
  expect(line({ hasTpm: false })).not.toContain("tpm");
});

test("qemuCommand gives each machine its own hardware address", () => {
  expect(line()).toContain("mac=52:54:00:4d:00:03");
});

test("qemuCommand has the board say what it is told to", () => {
  const command = line({}, { boardTexts: ["a=b,c", "d"] });
  expect(command).toEndWith("-smbios type=11,value=a=b,,c -smbios type=11,value=d");
});

test("qemuCommand sets the hardware clock, and puts disks of others first", () => {
  const command = line(
    {},
    { clock: "2036-01-01T00:00:00", otherDisks: [{ file: "/a,b.img" }, { broken: true }] },
  );
  expect(command).toContain("-rtc base=2036-01-01T00:00:00");
  expect(command).toMatch(
    /"filename":"\/a,b\.img".*drive=other0,.*blkdebug.*"errno":5.*drive=other1,.*drive=disk,/,
  );
});

test("qemuCommand starts by a legacy BIOS, or without a disk, on request", () => {
  const command = line({}, { hasLegacyBios: true, hasNoDisk: true });
  expect(command).not.toContain("pflash,");
  expect(command).not.toContain("drive=disk");
  expect(command).toContain("graphics=off");
});

test("qemuCommand hands over files and a kernel", () => {
  const command = line({
    fwCfg: { "opt/metropolis/parameters": "/p.pb" },
    kernel: { file: "/bzImage", commandLine: "panic=-1" },
  });
  expect(command).toContain("-fw_cfg name=opt/metropolis/parameters,file=/p.pb");
  expect(command).toEndWith("-kernel /bzImage -append panic=-1");
});

test("qemuCommand takes folders with commas in their names", () => {
  expect(line({}, {}, "tcg", "/a,b/demo")).toContain("file=/a,,b/demo/machines/3/disk.img");
});

test("qemuCommand ignores what the user's own QEMU configuration says", () => {
  expect(line()).toContain("-nodefaults -no-user-config");
});
