// The consoles of the machine: the screen, the serial ports, whatever the kernel was told to use.
import { constants, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Where the kernel lists the devices behind /dev/console. */
const ACTIVE = "/sys/class/tty/console/active";
/** How long a line may wait for a slow console before it is dropped there. */
const PATIENCE_MS = 500;
const PAUSE_MS = 5;

/** The device paths of all consoles; before sysfs is mounted, the one that stands for them. */
export function consoleDevices(active = ACTIVE): readonly string[] {
  if (!existsSync(active)) return ["/dev/console"];
  const names = readFileSync(active, "utf8").trim().split(/\s+/).filter(Boolean);
  return names.map((name) => join("/dev", name));
}

/** Writes lines to consoles, and lets nothing that goes wrong there stop the writer. */
export class Consoles {
  readonly #fds: readonly number[];

  constructor(paths: readonly string[]) {
    this.#fds = paths.flatMap(openConsole);
  }

  /** Writes text, which may have several lines, and a line end. Never throws. */
  writeLine(text: string): void {
    const bytes = Buffer.from(`${printable(text)}\n`);
    for (const fd of this.#fds) writePatiently(fd, bytes);
  }
}

/** A text that moves no cursor, changes no colours and clears no screen: lines may be anybody's. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "?");
}

function openConsole(path: string): readonly number[] {
  try {
    // Not blocking: a serial port without a reader must not stop PID 1. And no controlling terminal.
    return [openSync(path, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK)];
  } catch {
    // A console that is not there has nobody to tell it to; the others go on.
    return [];
  }
}

function writePatiently(fd: number, bytes: Uint8Array): void {
  const deadline = performance.now() + PATIENCE_MS;
  for (let at = 0; at < bytes.length && performance.now() < deadline; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const isBusy = error instanceof Error && "code" in error && error.code === "EAGAIN";
      if (!isBusy) return;
      Bun.sleepSync(PAUSE_MS);
    }
  }
}
