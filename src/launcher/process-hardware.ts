// A process machine as the keeper holds it: one program, which is the first process of
// its own namespaces, and a cable to the bridge. Pulling its plug kills all that runs
// in it at once, as on a machine; what it wrote is in its folder.
import { mkdirSync } from "node:fs";
import { Lock, sleep } from "../base/event/event.ts";
import { type Child, run, startChild } from "../base/process/process.ts";
import type { MachineStatus, Switches } from "./hardware.ts";
import { LauncherError } from "./launcher-error.ts";
import { cableCommands, unplugCommand } from "./network.ts";
import { programPath } from "./packages.ts";
import type { MachinePaths } from "./paths.ts";
import { succeeds } from "./process-machine.ts";

/** How long the program may take to have its namespaces. */
const START_MS = 20_000;
const POLL_MS = 10;

/** One process machine of the cluster. */
export class ProcessHardware implements Switches {
  readonly #number: number;
  readonly #paths: MachinePaths;
  /** The program that becomes the machine, as its arguments. */
  readonly #command: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  /** Held while the power changes, so that two commands cannot start it twice. */
  readonly #power = new Lock();
  #running: Child | undefined;

  constructor(
    number: number,
    paths: MachinePaths,
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) {
    this.#number = number;
    this.#paths = paths;
    this.#command = command;
    this.#environment = environment;
  }

  status(): MachineStatus {
    return { number: this.#number, isOn: this.#running?.isAlive() ?? false, resets: 0 };
  }

  powerOn(): Promise<void> {
    return this.#power.hold(async () => {
      if (this.status().isOn) throw new LauncherError(`machine ${this.#number} is already on`);
      mkdirSync(this.#paths.directory, { recursive: true });
      const env = { PATH: programPath };
      // The other end went with the namespace that it was in, if that was ended in order.
      await succeeds(unplugCommand(this.#number));
      for (const command of cableCommands(this.#number)) await run(command, { env });
      const namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child"];
      const child = startChild(
        ["setpriv", "--pdeathsig", "KILL", "unshare", ...namespaces, "--", ...this.#command],
        { env: this.#environment, log: this.#paths.qemuLog },
      );
      this.#running = child;
      await this.#giveCable(child);
    });
  }

  /** Moves the cable's end as soon as the program has a network namespace that is not ours. */
  async #giveCable(child: Child): Promise<void> {
    const limit = performance.now() + START_MS;
    const end = `c${this.#number}`;
    while (await succeeds(["ip", "link", "show", end])) {
      if (!child.isAlive() || performance.now() > limit) {
        child.kill("SIGKILL");
        throw new LauncherError(`switch on machine ${this.#number}: see ${this.#paths.qemuLog}`);
      }
      await succeeds(["ip", "link", "set", end, "netns", String(child.pid)]);
      await sleep(POLL_MS);
    }
  }

  kill(): Promise<void> {
    return this.#power.hold(async () => {
      this.#running?.kill("SIGKILL");
      await this.#running?.exited;
    });
  }

  async powerOff(): Promise<void> {
    this.#running?.kill("SIGTERM");
  }

  async reset(): Promise<void> {
    await this.kill();
    await this.powerOn();
  }

  async detachMedium(): Promise<void> {
    throw this.#unable("a USB port");
  }

  detachMediumOnReset(): void {
    throw this.#unable("a USB port");
  }

  async saveMemory(): Promise<void> {
    throw this.#unable("memory of its own");
  }

  #unable(what: string): LauncherError {
    return new LauncherError(`machine ${this.#number} is a process: it has no ${what}`);
  }
}
