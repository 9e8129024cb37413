// The power button, which the kernel only reports: to act on it is user space's duty.
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
} from "node:fs";
import { join } from "node:path";

/** struct input_event on 64-bit Linux: two longs of time, then type, code and value. */
const EVENT_BYTES = 24;
const EV_KEY = 1;
const KEY_POWER = 116;
const PRESSED = 1;

/** True if a capability bitmap, as sysfs prints it, has the given bit. */
export function hasBit(bitmap: string, bit: number): boolean {
  // Words of 64 bits in hexadecimal, highest first, without leading zeros.
  const words = bitmap.trim().split(/\s+/).reverse();
  const word = BigInt(`0x${words[Math.floor(bit / 64)] || "0"}`);
  return ((word >> BigInt(bit % 64)) & 1n) === 1n;
}

/** The input devices that have a power key, by their path below /dev. */
export function powerButtons(root = "/sys/class/input"): readonly string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => name.startsWith("event"))
    .filter((name) => {
      const path = join(root, name, "device/capabilities/key");
      return existsSync(path) && hasBit(readFileSync(path, "utf8"), KEY_POWER);
    })
    .map((name) => `/dev/input/${name}`);
}

/** True if the bytes, whole input events, hold a press of the power key. */
export function hasPress(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + EVENT_BYTES <= bytes.length; at += EVENT_BYTES) {
    const isKey = view.getUint16(at + 16, true) === EV_KEY;
    const isPower = view.getUint16(at + 18, true) === KEY_POWER;
    if (isKey && isPower && view.getInt32(at + 20, true) === PRESSED) return true;
  }
  return false;
}

/** An open power button. Ask it now and then: it does not wake anybody. */
export class PowerButton {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(64 * EVENT_BYTES);

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** True if it was pressed since the last question. */
  wasPressed(): boolean {
    try {
      return hasPress(this.#buffer.subarray(0, readSync(this.#fd, this.#buffer)));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") return false;
      throw error;
    }
  }

  /** Lets go of the device. */
  close(): void {
    closeSync(this.#fd);
  }
}
