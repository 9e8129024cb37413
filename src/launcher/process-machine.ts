// One machine that is a plain process: its power switch, and what init does on a real
// one when the node agent ends.
import { mkdirSync } from "node:fs";
import { Lock, sleep } from "../base/event/event.ts";
import { type Child, run, startChild } from "../base/process/process.ts";
import type { MachineStatus, Switches } from "./hardware.ts";
import { LauncherError } from "./launcher-error.ts";
import { removeCableCommand } from "./network.ts";
import { programPath } from "./packages.ts";
import type { MachinePaths } from "./paths.ts";
import { nodeCommand } from "./process-script.ts";
import type { PowerOnOptions } from "./qemu.ts";
import type { MachineSettings } from "./settings.ts";

/** The exit codes by which the node agent says what shall be next. */
const REBOOT = 64;
const OFF: readonly (number | null)[] = [0, 65];

/** How long a node that crashed stays off. */
const CRASH_PAUSE_MS = 500;
/** How long the kernel may take to end what was killed. */
const KILL_MS = 5_000;

/** A node agent in namespaces of its own; its lifetime is the keeper's. */
export class ProcessMachine implements Switches {
  readonly #machine: MachineSettings;
  readonly #number: number;
  readonly #paths: MachinePaths;
  readonly #programs: string;
  /** Held while the power changes. */
  readonly #power = new Lock();
  #node: Child | undefined;
  #isOn = false;
  #resets = 0;
  #environment: Readonly<Record<string, string>> = {};

  constructor(machine: MachineSettings, paths: MachinePaths, programs: string) {
    this.#machine = machine;
    this.#number = machine.number;
    this.#paths = paths;
    this.#programs = programs;
  }

  /** The state at this moment. */
  status(): MachineStatus {
    return { number: this.#number, isOn: this.#isOn, resets: this.#resets };
  }

  /** Starts the node agent. Throws LauncherError when it runs. */
  powerOn({ environment = {} }: PowerOnOptions): Promise<void> {
    return this.#power.hold(async () => {
      if (this.#isOn) throw new LauncherError(`${this.#name} is already on`);
      this.#isOn = true;
      this.#resets = 0;
      this.#environment = environment;
      await this.#start();
    });
  }

  /** Ends all of its processes at once. */
  kill(): Promise<void> {
    return this.#power.hold(async () => {
      this.#isOn = false;
      await this.#end();
    });
  }

  /** Asks the node agent to end. */
  async powerOff(): Promise<void> {
    await this.#order("end");
  }

  /** Ends all of its processes at once, and starts the node agent again. */
  reset(): Promise<void> {
    return this.#power.hold(async () => {
      if (!this.#isOn) throw new LauncherError(`${this.#name} is off`);
      this.#isOn = false;
      await this.#end();
      this.#isOn = true;
      await this.#start();
    });
  }

  /** Stops its processors. */
  async pause(): Promise<void> {
    await this.#order("pause");
  }

  /** Lets them go on. */
  async resume(): Promise<void> {
    await this.#order("resume");
  }

  /** A process has no such thing. */
  async detachMedium(): Promise<void> {
    throw this.#noMachine();
  }

  /** A process has no such thing. */
  async saveMemory(): Promise<void> {
    throw this.#noMachine();
  }

  get #name(): string {
    return `machine ${this.#number}`;
  }

  #noMachine(): LauncherError {
    return new LauncherError(`${this.#name} is a process: it has neither ports nor memory chips`);
  }

  async #order(word: string): Promise<void> {
    if (!this.#isOn || this.#node === undefined) throw new LauncherError(`${this.#name} is off`);
    await this.#node.tell(`${word}\n`);
  }

  async #start(): Promise<void> {
    await removeCable(this.#number);
    mkdirSync(this.#paths.directory, { recursive: true, mode: 0o700 });
    const { argv, env } = nodeCommand(this.#machine, this.#paths, this.#programs);
    const node = startChild(argv, {
      env: { ...env, ...this.#environment },
      log: this.#paths.console,
      lifeline: true,
    });
    this.#node = node;
    void node.exited.then(({ exitCode }) => this.#after(node, exitCode));
  }

  /** What init does when the node agent has ended. */
  async #after(node: Child, exitCode: number | null): Promise<void> {
    if (exitCode !== REBOOT && !OFF.includes(exitCode)) await sleep(CRASH_PAUSE_MS);
    await this.#power.hold(async () => {
      // Somebody has used the switch meanwhile.
      if (!this.#isOn || this.#node !== node) return;
      this.#isOn = !OFF.includes(exitCode);
      if (!this.#isOn) return;
      if (exitCode === REBOOT) this.#resets += 1;
      await this.#start();
    });
  }

  async #end(): Promise<void> {
    const node = this.#node;
    if (node === undefined) return;
    await node.tell("kill\n").catch(() => undefined);
    await Promise.race([node.exited, sleep(KILL_MS)]);
    node.kill("SIGKILL");
    await node.exited;
    this.#node = undefined;
    await removeCable(this.#number);
  }
}

/** The kernel removes it with its namespace, but takes its time. */
async function removeCable(number: number): Promise<void> {
  const env = { PATH: programPath };
  await run(removeCableCommand(number), { env }).catch(() => undefined);
}
