// Block devices made up for tests.
import type { BlockDevice } from "../base/linux/block-device.ts";

/** A built-in disk of 8 GiB, except for what is given. */
export function testDisk(name: string, changes: Partial<BlockDevice> = {}): BlockDevice {
  return {
    name,
    path: `/dev/${name}`,
    size: 8n << 30n,
    offset: 0n,
    sectorSize: 512,
    isReadOnly: false,
    isRemovable: false,
    isOptical: false,
    isVirtual: false,
    vendor: "",
    model: "",
    disk: name,
    ...changes,
  };
}
