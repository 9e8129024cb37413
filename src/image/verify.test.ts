// Disks that lie, and the record of writes that finds them out.
import { expect, test } from "bun:test";
import { type BlockDevice, memoryDevice } from "../base/format/block-device.ts";
import { ImageError } from "./image-error.ts";
import { recordWrites, verifyRegions } from "./verify.ts";

const three = Uint8Array.of(1, 2, 3);

/** A device that claims more than it has, as forged sticks do: it wraps around. */
function forged(claimed: number, real: number): BlockDevice {
  const memory = memoryDevice(real);
  return {
    size: claimed,
    read: (offset, length) => memory.read(offset % real, length),
    write: (offset, bytes) => memory.write(offset % real, bytes),
    sync: () => memory.sync(),
  };
}

test("recordWrites joins writes that follow one another", async () => {
  const device = recordWrites(memoryDevice(100));
  await device.write(10, three);
  await device.write(13, three);
  await device.write(50, three);
  expect(device.regions().map(({ offset, size }) => [offset, size])).toEqual([
    [10, 6],
    [50, 3],
  ]);
});

test("recordWrites refuses to write a byte twice", async () => {
  const device = recordWrites(memoryDevice(100));
  await device.write(10, three);
  await expect(device.write(12, three)).rejects.toThrow("byte 12 would be written twice");
});

test("verifyRegions accepts what was written", async () => {
  const memory = memoryDevice(100);
  const device = recordWrites(memory);
  await device.write(10, three);
  await device.write(50, three);
  await verifyRegions(memory, "disk", device.regions());
});

test("verifyRegions notices a changed byte", async () => {
  const memory = memoryDevice(100);
  const device = recordWrites(memory);
  await device.write(10, three);
  await memory.write(11, three);
  const verifying = verifyRegions(memory, "disk", device.regions());
  await expect(verifying).rejects.toThrow("disk: 3 bytes at 10 do not read back as written");
});

test("verifyRegions notices a stick that is smaller than it says", async () => {
  const stick = forged(100, 50);
  const device = recordWrites(stick);
  await device.write(10, three);
  await device.write(60, Uint8Array.of(4, 5, 6));
  const verifying = verifyRegions(stick, "stick", device.regions());
  await expect(verifying).rejects.toBeInstanceOf(ImageError);
});
