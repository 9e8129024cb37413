// The command line that binds a kernel to its system.
import { expect, test } from "bun:test";
import { installerCommandLine, kernelRelease, nodeCommandLine } from "./uki.ts";

const verity = {
  rootHash: "ee8e1636926d2aada9b3acff60519e7334e89df8681f8b7cf09a74a05b06b2b7",
  salt: "00112233",
  dataBlocks: 1000,
};
const partition = "PARTUUID=ee8e1636-926d-2aad-a9b3-acff60519e73";

test("nodeCommandLine finds the system by the GUID that its root hash gives", () => {
  expect(nodeCommandLine(verity)).toStartWith(`dm-mod.waitfor=${partition} `);
});

test("nodeCommandLine holds a verity table that ends the boot on a wrong block", () => {
  const table =
    `0 8000 verity 1 ${partition} ${partition} 4096 4096 1000 1000 ` +
    `sha256 ${verity.rootHash} 00112233 1 panic_on_corruption`;
  expect(nodeCommandLine(verity)).toContain(`dm-mod.create="system,,,ro,${table}" `);
});

test("nodeCommandLine mounts that and nothing else, and resets when it fails", () => {
  const words = nodeCommandLine(verity).split(" ");
  for (const word of ["root=/dev/dm-0", "rootfstype=erofs", "ro", "init=/init", "panic=-1"]) {
    expect(words).toContain(word);
  }
});

test("nodeCommandLine starts a watchdog, for a kernel that waits for its partition for ever", () => {
  const words = nodeCommandLine(verity).split(" ");
  expect(words).toContain("softdog.soft_active_on_boot=1");
  expect(words).toContain("softdog.soft_margin=180");
});

test("nodeCommandLine makes the serial line the last console", () => {
  expect(nodeCommandLine(verity)).toContain(" console=tty0 console=ttyS0,115200 ");
});

test("nodeCommandLine takes no initramfs, and no parameters from whoever appends some", () => {
  expect(nodeCommandLine(verity)).toEndWith(" noinitrd --");
});

test("installerCommandLine takes no parameters from whoever appends some", () => {
  expect(installerCommandLine()).toEndWith(" --");
  expect(installerCommandLine()).not.toContain("noinitrd");
});

test("kernelRelease reads the release out of a kernel image", () => {
  const image = new Uint8Array(0x1000);
  new DataView(image.buffer).setUint16(0x20e, 0x300, true);
  image.set(new TextEncoder().encode("6.12.1-metropolis (who@where) #1\0"), 0x500);
  expect(kernelRelease(image)).toBe("6.12.1-metropolis");
});
