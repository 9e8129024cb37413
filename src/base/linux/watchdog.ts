// The hardware watchdog: once opened, it resets the machine unless petted in time.
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ioctl } from "./syscall.ts";

const WDIOC_SETTIMEOUT = 0xc0045706;

/** An armed watchdog. */
export class Watchdog {
  readonly #fd: number;
  /** What the device made of the wish: the time in which it must be petted. */
  readonly timeoutSeconds: number;

  /** Opens and thereby arms the device; throws ENOENT where the machine has none. */
  constructor(wantedSeconds: number, path = "/dev/watchdog") {
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
