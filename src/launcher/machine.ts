// One machine of a running cluster, as whoever uses the launcher holds it: its
// buttons, its console and its files.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sleep } from "../base/event/event.ts";
import { ConsoleLog } from "./console-log.ts";
import { type Request, sendControl } from "./control.ts";
import type { MachineStatus } from "./hardware.ts";
import { LauncherError } from "./launcher-error.ts";
import { type ClusterPaths, type MachinePaths, machinePaths } from "./paths.ts";
import type { PowerOnOptions } from "./qemu.ts";
import { type MachineSettings, mainAddress } from "./settings.ts";

const POLL_MS = 50;

/** What the installer and its kernel say. */
const INSTALLS = /^Installing to .*|^Installation failed: .*/m;
const INSTALLED = /^Installation failed: (.*)|installation media will need to be removed/m;
const RESTARTS = /reboot: Restarting system/;

/** A machine by its number; its state is the keeper's, asked at every call. */
export class Machine {
  readonly number: number;
  /** The address that DHCP gives it: of IPv4, or of IPv6 where it has no other. */
  readonly address: string;
  readonly console: ConsoleLog;
  /** Disk, firmware variables and TPM: to be touched only while it is off. */
  readonly files: MachinePaths;
  readonly #control: string;

  constructor(cluster: ClusterPaths, settings: MachineSettings) {
    const { number } = settings;
    this.number = number;
    this.address = mainAddress(settings);
    this.files = machinePaths(cluster, number);
    this.console = new ConsoleLog(this.files.console);
    this.#control = cluster.control;
  }

  /** Switches it on; its console is read from here on. */
  async powerOn(options: PowerOnOptions = {}): Promise<void> {
    this.console.skip();
    await this.#ask({ operation: "powerOn", machine: this.number, ...options });
  }

  /**
   * Where machines are processes: makes it a new one, that becomes what `parameters`,
   * serialized node parameters, say when it is switched on. Only while it is off.
   */
  install(parameters: Uint8Array): void {
    const { directory, parameters: file } = this.files;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, parameters, { mode: 0o600 });
  }

  /**
   * Installs it from a medium as a person does: switches it on, reads along, and pulls the
   * medium out when told to. Done as it restarts; `onLine` hears the line that names the disk.
   * A kernel that fails before that restarts with the medium in, and installs again.
   * Throws LauncherError with the installer's reason when it gives up.
   */
  async installFrom(
    medium: string,
    timeoutMs: number,
    onLine: (line: string) => void = () => {},
    options: PowerOnOptions = {},
  ): Promise<void> {
    await this.powerOn({ ...options, medium });
    const [disk] = await this.console.waitFor(INSTALLS, { timeoutMs });
    onLine(disk);
    const [, reason] = await this.console.waitFor(INSTALLED, { timeoutMs });
    if (reason !== undefined) throw new LauncherError(`install machine ${this.number}: ${reason}`);
    await this.detachMedium();
    await this.console.waitFor(RESTARTS, { timeoutMs });
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    await this.#ask({ operation: "kill", machine: this.number });
  }

  /** Pulls its network cable: no frame passes, and the machine is not told. */
  async unplug(): Promise<void> {
    await this.#ask({ operation: "unplug", machine: this.number });
  }

  /** Puts the network cable in again. */
  async plug(): Promise<void> {
    await this.#ask({ operation: "plug", machine: this.number });
  }

  /** Stops its processors, as a host that is out of breath does. */
  async pause(): Promise<void> {
    await this.#ask({ operation: "pause", machine: this.number });
  }

  /** Lets them go on. */
  async resume(): Promise<void> {
    await this.#ask({ operation: "resume", machine: this.number });
  }

  /** Presses the power button and waits until it is off. */
  async powerOff(timeoutMs: number): Promise<void> {
    await this.#ask({ operation: "powerOff", machine: this.number });
    await this.waitOff(timeoutMs);
  }

  /** Presses the reset button. */
  async reset(): Promise<void> {
    await this.#ask({ operation: "reset", machine: this.number });
  }

  /** Pulls the USB medium out. */
  async detachMedium(): Promise<void> {
    await this.#ask({ operation: "detachMedium", machine: this.number });
  }

  /** Writes all of its memory to a file, which then holds its secrets: for tests that seek them. */
  async saveMemory(file: string): Promise<void> {
    await this.#ask({ operation: "saveMemory", machine: this.number, file });
  }

  /** Its state at this moment. */
  async status(): Promise<MachineStatus> {
    const all = await sendControl(this.#control, { operation: "status" });
    const own = all.find(({ number }) => number === this.number);
    if (own === undefined) throw new LauncherError(`there is no machine ${this.number}`);
    return own;
  }

  /** Waits until it has switched itself off. */
  async waitOff(timeoutMs: number): Promise<void> {
    await this.#until(({ isOn }) => !isOn, "has not switched itself off", timeoutMs);
  }

  async #until(
    matches: (status: MachineStatus) => boolean,
    failure: string,
    timeoutMs: number,
  ): Promise<void> {
    const limit = performance.now() + timeoutMs;
    while (!matches(await this.status())) {
      if (performance.now() > limit) {
        const last = this.console.text().trimEnd().split("\n").slice(-8).join("\n  ");
        throw new LauncherError(
          `machine ${this.number} ${failure} in ${timeoutMs / 1000} s; its console ends with:\n  ${last}`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  async #ask(request: Request): Promise<void> {
    await sendControl(this.#control, request);
  }
}
