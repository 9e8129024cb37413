// Watches the clock: whether time servers keep it, whether it can be right, and what to tell the
// operator. Decides how far time servers may move it.
//
//   cannot be right, or nothing is issued by it yet ──► set once, whatever they say
//   can be right, or was set ────────────────────────► by a day at a time at most

import { existsSync } from "node:fs";
import { sleep, type Value } from "../../base/event/event.ts";
import { capital } from "../../base/format/sentence.ts";
import { isClockKept, setClock } from "../../base/linux/clock.ts";
import { uptimeSeconds } from "../../base/linux/machine.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { RELEASED } from "../../image/image.ts";
import type { Control } from "../control/control.ts";
import type { Troubles } from "../control/troubles.ts";
import type { EspPaths } from "../storage/paths.ts";
import { durationText } from "./chrony-words.ts";
import { readClockFile, writeClockFile } from "./clock-file.ts";
import { isPlausible } from "./plausible.ts";

/** The clock of the machine. Tests have their own. */
export interface SystemClock {
  /** Milliseconds since 1970. */
  now(): number;
  set(time: number): void;
  /** Whether time servers keep it. */
  isKept(): boolean;
  /** Milliseconds since the kernel started. */
  uptime(): number;
}

/** That of this machine. */
export const systemClock: SystemClock = {
  now: Date.now,
  set: setClock,
  isKept: isClockKept,
  uptime: () => uptimeSeconds() * 1_000,
};

/** How chronyd is run. */
export interface ChronySettings {
  /** The clock can be right: it is not moved far. */
  readonly canBeRight: boolean;
}

/** What it works with. */
export interface ClockWatchOptions {
  readonly clock: SystemClock;
  readonly esp: Pick<EspPaths, "clock" | "sealedConfiguration">;
  /** Set once the node is a member of its cluster. */
  readonly membership: Value<unknown>;
  readonly chrony: Control<ChronySettings>;
  /** Set to whether time servers keep the clock. */
  readonly isClockKept: Value<boolean>;
  readonly troubles: Troubles;
  readonly log: Logger;
  readonly lookMs?: number;
}

const LOOK_MS = 1_000;
const SAVE_MS = 3_600_000;
/** A step of the clock that is worth a line. */
const JUMP_MS = 60_000;
/** So long after the start a time server should have answered. */
const SILENCE_MS = 300_000;

/** The watch, from the moment on at which the ESP is there. */
export class ClockWatch {
  readonly #options: ClockWatchOptions;
  #last: number | undefined;
  #saved = Number.NEGATIVE_INFINITY;
  /** What the clock said and when, as the time since the start has it, at the last look. */
  #before: { readonly now: number; readonly uptime: number } | undefined;
  #refused: number | undefined;
  #said: readonly string[] = [];

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#last = readClockFile(options.esp.clock);
    options.chrony.wanted.set({ canBeRight: this.#isMember && this.#canBeRight });
  }

  /** Hears by how many seconds time servers want the clock changed that chronyd leaves as it is. */
  refuse(seconds: number): void {
    this.#refused = seconds;
  }

  /** Watches for ever. */
  async run(signal: AbortSignal): Promise<void> {
    for (; ; await sleep(this.#options.lookMs ?? LOOK_MS, signal)) await this.#look();
  }

  async #look(): Promise<void> {
    const { clock, troubles, log } = this.#options;
    this.#noteJump();
    if (clock.now() < RELEASED.getTime()) this.#goForward();
    const isKept = this.#noteKept();
    if (this.#isMember && !isKept && this.#canBeRight) this.#trust();
    if (isKept || (this.#isMember && this.#canBeRight)) await this.#save();
    const sentences = this.#sentences(isKept);
    for (const sentence of sentences) {
      if (!this.#said.includes(sentence)) log.warning(capital(sentence));
    }
    this.#said = sentences;
    troubles.note("clock", sentences);
  }

  get #isMember(): boolean {
    const { membership, esp } = this.#options;
    return membership.current !== undefined || existsSync(esp.sealedConfiguration);
  }

  get #canBeRight(): boolean {
    const { clock } = this.#options;
    return isPlausible({ now: clock.now(), uptimeMs: clock.uptime(), last: this.#last });
  }

  /** From now on nobody moves the clock far. */
  #trust(): void {
    const { chrony } = this.#options;
    if (chrony.wanted.current?.canBeRight !== true) chrony.wanted.set({ canBeRight: true });
  }

  /** Time servers that are off by years have set the clock, before anything was known of it. */
  #goForward(): void {
    const { clock, log } = this.#options;
    const said = text(clock.now());
    clock.set(Math.max(RELEASED.getTime(), this.#last ?? 0));
    log.warning(
      `Time servers say that it is ${said}, which is before this release was made; ` +
        `going on from ${text(clock.now())}`,
    );
    this.#before = undefined;
    this.#trust();
  }

  #noteJump(): void {
    const { clock, log } = this.#options;
    const present = { now: clock.now(), uptime: clock.uptime() };
    const { now, uptime } = this.#before ?? present;
    const expected = now + present.uptime - uptime;
    if (Math.abs(present.now - expected) > JUMP_MS) {
      log.warning(`The clock was set from ${text(expected)} to ${text(present.now)}`);
    }
    this.#before = present;
  }

  #noteKept(): boolean {
    const { clock, isClockKept, log } = this.#options;
    const isKept = clock.isKept();
    if (isKept !== (isClockKept.current ?? false)) {
      const follows = isKept ? "follows" : "follows no";
      log.info(`The clock ${follows} time servers; it says ${text(clock.now())}`);
      isClockKept.set(isKept);
    }
    if (isKept) this.#refused = undefined;
    return isKept;
  }

  async #save(): Promise<void> {
    const { clock, esp, log } = this.#options;
    if (clock.uptime() - this.#saved < SAVE_MS) return;
    this.#saved = clock.uptime();
    this.#last = clock.now();
    await writeClockFile(esp.clock, this.#last).catch((error: unknown) =>
      log.warning(`The time cannot be kept for the next start: ${error}`),
    );
  }

  #sentences(isKept: boolean): readonly string[] {
    const { clock } = this.#options;
    if (isKept) return [];
    const day = text(clock.now()).slice(0, 10);
    const silent = clock.uptime() > SILENCE_MS ? ["no time server answers"] : [];
    if (this.#refused !== undefined) {
      const off = `${durationText(this.#refused)} ${this.#refused < 0 ? "fast" : "slow"}`;
      return [
        `the clock, at ${day}, is ${off} by the time servers, which prove nothing: it is not set; ` +
          "if they are right, set it in the firmware's settings",
      ];
    }
    if (this.#canBeRight) return silent.map((words) => `the clock is not kept: ${words}`);
    return [`the clock cannot be right: it says ${day}${silent.map((words) => `, and ${words}`)}`];
  }
}

function text(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}
