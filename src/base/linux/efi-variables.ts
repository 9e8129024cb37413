// The firmware's variables, through efivarfs: one file each, attributes first.
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { ioctl, SyscallError } from "./syscall.ts";

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_IMMUTABLE_FL = 0x10;
const ATTRIBUTE_BYTES = 4;
const GUID_LENGTH = 36;

/** Vendor GUIDs of variables. */
export const efiVendor = {
  /** Variables that the UEFI specification defines. */
  global: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
  /** Variables of the boot loader interface (systemd-boot and systemd-stub). */
  loader: "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
} as const;

/** Attributes of variables that last, are there at boot, and can be seen by a running system. */
export const PERSISTENT = 0b111;

/** What identifies a variable. */
export interface EfiName {
  readonly name: string;
  readonly vendor: string;
}

/** A variable's content. */
export interface EfiValue {
  readonly attributes: number;
  readonly data: Uint8Array;
}

/** True if the kernel sees EFI firmware at all. */
export function hasEfi(root = "/sys/firmware/efi"): boolean {
  return existsSync(root);
}

/** The variables of a mounted efivarfs. */
export class EfiVariables {
  readonly #root: string;

  constructor(root = "/sys/firmware/efi/efivars") {
    this.#root = root;
  }

  #path({ name, vendor }: EfiName): string {
    return join(this.#root, `${name}-${vendor}`);
  }

  /** All variables. */
  list(): readonly EfiName[] {
    return readdirSync(this.#root)
      .filter((file) => file.length > GUID_LENGTH + 1)
      .map((file) => ({
        name: file.slice(0, -GUID_LENGTH - 1),
        vendor: file.slice(-GUID_LENGTH),
      }));
  }

  /** A variable, or undefined if it does not exist. */
  read(name: EfiName): EfiValue | undefined {
    const path = this.#path(name);
    if (!existsSync(path)) return undefined;
    const bytes = readFileSync(path);
    return {
      attributes: bytes.readUInt32LE(0),
      data: new Uint8Array(bytes.subarray(ATTRIBUTE_BYTES)),
    };
  }

  /** Creates or replaces a variable. */
  write(name: EfiName, { attributes, data }: EfiValue): void {
    const path = this.#path(name);
    allowChange(path);
    const bytes = new Uint8Array(ATTRIBUTE_BYTES + data.length);
    new DataView(bytes.buffer).setUint32(0, attributes, true);
    bytes.set(data, ATTRIBUTE_BYTES);
    // One write call is one SetVariable call of the firmware: it must hold all.
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o644);
    try {
      writeSync(fd, bytes);
    } finally {
      closeSync(fd);
    }
  }

  /** Deletes a variable, if it exists. */
  remove(name: EfiName): void {
    allowChange(this.#path(name));
    rmSync(this.#path(name), { force: true });
  }
}

/**
 * Takes away the immutable flag, which the kernel puts on most variables because some firmware
 * dies without the ones it needs.
 */
function allowChange(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, "r");
  try {
    const flags = new Uint32Array(2);
    const bytes = new Uint8Array(flags.buffer);
    ioctl(fd, FS_IOC_GETFLAGS, bytes, `flags of ${path}`);
    if (((flags[0] ?? 0) & FS_IMMUTABLE_FL) === 0) return;
    flags[0] = (flags[0] ?? 0) & ~FS_IMMUTABLE_FL;
    ioctl(fd, FS_IOC_SETFLAGS, bytes, `flags of ${path}`);
  } catch (error) {
    // A file system without flags (in tests) has no immutable files either.
    if (!(error instanceof SyscallError && ["ENOTTY", "EOPNOTSUPP"].includes(error.code)))
      throw error;
  } finally {
    closeSync(fd);
  }
}

/** Reads a variable that holds UTF-16 text, without its closing zero. */
export function textOf({ data }: EfiValue): string {
  return new TextDecoder("utf-16le").decode(data).replace(/\0+$/, "");
}

/** True if the firmware enforces Secure Boot: switched on, and not in setup mode. */
export function isSecureBoot(variables: EfiVariables): boolean {
  const flag = (name: string) => variables.read({ name, vendor: efiVendor.global })?.data[0];
  return flag("SecureBoot") === 1 && flag("SetupMode") !== 1;
}

/** GUID, in lower case, of the partition the boot loader was started from, if it says so. */
export function bootPartition(variables: EfiVariables): string | undefined {
  const value = variables.read({ name: "LoaderDevicePartUUID", vendor: efiVendor.loader });
  return value && textOf(value).toLowerCase();
}
