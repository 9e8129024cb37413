// One machine as the keeper holds it: the programs that are its hardware while it
// is on, in the order in which they need each other.
//
//   powerOn:  swtpm (listens) → QEMU (connects, listens) → socat (connects)
//   off:      QEMU ends → swtpm and socat have nobody left and end too
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { Lock, sleep } from "../base/event/event.ts";
import { type Child, startChild } from "../base/process/process.ts";
import { LauncherError } from "./launcher-error.ts";
import { cableProgram, hasSideCard, sideCableProgram } from "./network.ts";
import { programPath } from "./packages.ts";
import type { MachinePaths } from "./paths.ts";
import { device, type PowerOnOptions, qemuCommand } from "./qemu.ts";
import { Qmp, type QmpEvent } from "./qmp.ts";
import type { ClusterSettings, MachineSettings } from "./settings.ts";
import { tpmProgram } from "./tpm.ts";

const POLL_MS = 20;
/** How long a program may take until it listens; generous for a busy host. */
const START_TIMEOUT_MS = 20_000;
/** How long swtpm may take to write its state after QEMU has gone. */
const TPM_GRACE_MS = 3_000;

/** What can be said of a machine from outside. */
export interface MachineStatus {
  readonly number: number;
  readonly isOn: boolean;
  /** The medium in its USB port, while it is on. */
  readonly medium?: string;
  /** How often it restarted itself since it was powered on. */
  readonly resets: number;
}

/** What the keeper can do with a machine, whatever it is made of. */
export interface Switches {
  /** The state at this moment. */
  status(): MachineStatus;
  /** Switches it on. Throws LauncherError when it already is, or does not start. */
  powerOn(options: PowerOnOptions): Promise<void>;
  /** Pulls the plug: nothing is written that was not yet. */
  kill(): Promise<void>;
  /** Presses the power button; what follows is up to the machine. */
  powerOff(): Promise<void>;
  /** Presses the reset button. */
  reset(): Promise<void>;
  /** Stops its processors, and lets them go on. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  detachMedium(): Promise<void>;
  saveMemory(file: string): Promise<void>;
}

interface Running {
  readonly qemu: Child;
  readonly qmp: Qmp;
  readonly others: readonly Child[];
}

/** One machine of the cluster; its lifetime is the keeper's. */
export class Hardware implements Switches {
  readonly #machine: MachineSettings;
  readonly #paths: MachinePaths;
  readonly #cluster: ClusterSettings;
  /** Held while the power changes, so that two commands cannot start it twice. */
  readonly #power = new Lock();
  #running: Running | undefined;
  #medium: string | undefined;
  #resets = 0;

  constructor(machine: MachineSettings, paths: MachinePaths, cluster: ClusterSettings) {
    this.#machine = machine;
    this.#paths = paths;
    this.#cluster = cluster;
  }

  /** The state at this moment. */
  status(): MachineStatus {
    const isOn = this.#running?.qemu.isAlive() ?? false;
    const medium = isOn ? this.#medium : undefined;
    return {
      number: this.#machine.number,
      isOn,
      resets: this.#resets,
      ...(medium === undefined ? {} : { medium }),
    };
  }

  /** Switches it on. Throws LauncherError when it already is, or does not start. */
  powerOn(options: PowerOnOptions): Promise<void> {
    return this.#power.hold(async () => {
      if (this.status().isOn) throw new LauncherError(`${this.#name} is already on`);
      mkdirSync(this.#paths.directory, { recursive: true });
      this.#medium = options.medium;
      this.#resets = 0;
      this.#running = await this.#start(options);
    });
  }

  /** Pulls the plug: SIGKILL, nothing is written that was not yet. */
  kill(): Promise<void> {
    return this.#power.hold(async () => {
      this.#running?.qemu.kill("SIGKILL");
      await this.#clearUp();
    });
  }

  /** Presses the power button; what follows is up to the machine. */
  async powerOff(): Promise<void> {
    await this.#qmp().execute("system_powerdown");
  }

  /** Presses the reset button. */
  async reset(): Promise<void> {
    await this.#qmp().execute("system_reset");
  }

  /** Stops its processors. */
  async pause(): Promise<void> {
    await this.#qmp().execute("stop");
  }

  /** Lets them go on. */
  async resume(): Promise<void> {
    await this.#qmp().execute("cont");
  }

  /** Pulls the medium out of the running machine. */
  async detachMedium(): Promise<void> {
    if (this.#medium === undefined) return;
    this.#medium = undefined;
    await this.#qmp().execute("device_del", { id: device.medium });
  }

  /** Writes all of its memory to a file, as a thief with a cold boot would. */
  async saveMemory(filename: string): Promise<void> {
    const size = this.#machine.memoryMiB * 2 ** 20;
    await this.#qmp().execute("pmemsave", { val: 0, size, filename });
  }

  get #name(): string {
    return `machine ${this.#machine.number}`;
  }

  #qmp(): Qmp {
    if (!this.status().isOn || this.#running === undefined) {
      throw new LauncherError(`${this.#name} is off`);
    }
    return this.#running.qmp;
  }

  async #start(options: PowerOnOptions): Promise<Running> {
    const { tpmSocket, qmpSocket, serialSocket, networkSocket, cableSocket } = this.#paths;
    const { sideNetworkSocket, sideCableSocket } = this.#paths;
    const cables = [networkSocket, cableSocket, sideNetworkSocket, sideCableSocket];
    for (const socket of [tpmSocket, qmpSocket, serialSocket, ...cables]) {
      rmSync(socket, { force: true });
    }
    const started: Child[] = [];
    try {
      if (this.#machine.hasTpm) {
        started.push(this.#launch(tpmProgram(this.#paths)));
        await this.#appears(tpmSocket, started);
      }
      const command = qemuCommand(this.#machine, this.#paths, this.#cluster, options);
      const qemu = this.#launch(command);
      started.push(qemu);
      const qmp = await this.#connect(qmpSocket, started);
      const others = started.filter((child) => child !== qemu);
      return { qemu, qmp, others: [...others, ...this.#plugIn()] };
    } catch (error) {
      for (const child of started) child.kill("SIGKILL");
      throw error;
    }
  }

  #plugIn(): readonly Child[] {
    const { number } = this.#machine;
    const main = this.#launch(cableProgram(number, this.#paths));
    if (!hasSideCard(this.#machine)) return [main];
    return [main, this.#launch(sideCableProgram(number, this.#paths))];
  }

  #launch(command: readonly string[]): Child {
    return startChild(command, { env: { PATH: programPath }, log: this.#paths.qemuLog });
  }

  /** Waits until a program listens, or gives its last words when it ends instead. */
  async #appears(socket: string, children: readonly Child[]): Promise<void> {
    const limit = performance.now() + START_TIMEOUT_MS;
    while (!existsSync(socket)) {
      if (performance.now() > limit) throw this.#failure();
      await sleep(POLL_MS);
      this.#check(children);
    }
  }

  #check(children: readonly Child[]): void {
    if (children.some((child) => !child.isAlive())) throw this.#failure();
  }

  #failure(): LauncherError {
    return new LauncherError(`switch on ${this.#name}: ${this.#lastWords()}`);
  }

  /** QEMU makes its socket before it has looked at its disks: being there is not yet answering. */
  async #connect(socket: string, children: readonly Child[]): Promise<Qmp> {
    for (;;) {
      await this.#appears(socket, children);
      try {
        return await Qmp.connect(socket, (event) => this.#notice(event));
      } catch (error) {
        if (!(error instanceof LauncherError)) throw error;
        await sleep(POLL_MS);
        // Whoever connected too early tries again; whoever ended never will.
        this.#check(children);
      }
    }
  }

  #lastWords(): string {
    const lines = readFileSync(this.#paths.qemuLog, "utf8").trimEnd().split("\n");
    return lines.slice(-3).join("; ") || "a program of it ended or did not listen in time";
  }

  #notice({ name, data }: QmpEvent): void {
    if (name === "RESET" && data.guest === true) this.#resets += 1;
  }

  /** After QEMU has gone: lets swtpm finish writing its state, ends the cable. */
  async #clearUp(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.qemu.exited;
    running.qmp.close();
    await Promise.race([Promise.all(running.others.map(({ exited }) => exited)), sleep(300)]);
    for (const child of running.others) child.kill("SIGTERM");
    const ended = Promise.all(running.others.map(({ exited }) => exited));
    await Promise.race([ended, sleep(TPM_GRACE_MS)]);
    for (const child of running.others) child.kill("SIGKILL");
    this.#running = undefined;
  }
}
