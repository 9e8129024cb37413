// Watchdogs, of hardware or of the kernel: once opened, one resets the machine unless petted in time.
import { closeSync, constants, openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ioctl } from "./syscall.ts";

const WDIOC_SETTIMEOUT = 0xc0045706;

/** The devices of all watchdogs in a folder of devices. */
export function watchdogPaths(folder = "/dev"): readonly string[] {
  const names = readdirSync(folder);
  const numbered = names.filter((name) => /^watchdog\d+$/.test(name)).sort();
  // The name without a number stands for the first; but a driver older than the numbers, such as
  // that of management controllers, has taken it for its own, and then none has the number 0.
  const isOwn = names.includes("watchdog") && !numbered.includes("watchdog0");
  return [...(isOwn ? ["watchdog"] : []), ...numbered].map((name) => join(folder, name));
}

/** An armed watchdog. */
export class Watchdog {
  readonly #fd: number;
  /** What the device made of the wish: the time in which it must be petted. */
  readonly timeoutSeconds: number;

  /** Opens and thereby arms the device. */
  constructor(wantedSeconds: number, path: string) {
    this.#fd = openSync(path, constants.O_WRONLY);
    this.timeoutSeconds = this.#setTimeout(wantedSeconds);
  }

  #setTimeout(seconds: number): number {
    const argument = new Int32Array([seconds]);
    try {
      ioctl(this.#fd, WDIOC_SETTIMEOUT, new Uint8Array(argument.buffer), "watchdog timeout");
    } catch (error) {
      this.disarm();
      throw error;
    }
    return argument[0] ?? seconds;
  }

  /** Starts the time anew. */
  pet(): void {
    writeSync(this.#fd, "\0");
  }

  /** Stops it, where the driver allows that: the letter V is the agreed farewell. */
  disarm(): void {
    writeSync(this.#fd, "V");
    closeSync(this.#fd);
  }
}
