// One boot of the owned machine after an attack on it, and how it ended.
import { expect } from "bun:test";
import { isReachable, type Machine } from "../../../src/launcher/launcher.ts";
import { API_PORT, continueFrom, golden, patience } from "../../vm/golden.ts";
import { TAKEN_OVER } from "./foreign.ts";

/** How such a boot can end: the node serves its cluster, keeps its data locked, or never starts. */
export type Ending = "serves" | "locked" | "not booted" | "taken over";

/** What was seen of a boot. */
export interface AttackedBoot {
  readonly ending: Ending;
  readonly console: string;
  /** The disk, readable while the machine is off, which it is. */
  readonly disk: string;
}

/** How long a machine natively takes to have come to an end of any kind. */
const END_MS = 60_000;
/** Between two looks at the machine. */
const POLL_MS = 500;

/** What the console says at each end; a node that serves says nothing that others do not. */
const SIGNS: readonly (readonly [Ending, RegExp])[] = [
  ["taken over", new RegExp(TAKEN_OVER)],
  ["locked", /not the one that was signed \(PCR 9, 11 or 12\)/],
  // A boot loader whose entry came back with an initramfs still in place ends in an exception.
  [
    "not booted",
    /No bootable option or device was found|Press any key to enter the Boot Manager|X64 Exception/,
  ],
];

/**
 * Boots a copy of the owned machine after `attack` was done to it, until it is clear how that
 * ends; `look` then sees the machine, switched off, before it is removed. `boardTexts` are what
 * the board hands over at power-on.
 */
export async function bootAttacked(
  name: string,
  attack: (machine: Machine) => Promise<void>,
  look: (boot: AttackedBoot) => Promise<void> | void,
  boardTexts: readonly string[] = [],
): Promise<void> {
  const { owned } = await golden();
  await using cluster = await continueFrom(name, owned);
  const machine = cluster.machine();
  await attack(machine);
  await machine.powerOn({ boardTexts });
  const limit = performance.now() + patience(cluster, END_MS);
  const target = { host: machine.address, port: API_PORT };
  let ending: Ending | undefined;
  while (ending === undefined && performance.now() < limit) {
    await Bun.sleep(POLL_MS);
    ending = SIGNS.find(([, sign]) => sign.test(machine.console.text()))?.[0];
    if (ending === undefined && (await isReachable(cluster.proxy, target))) ending = "serves";
  }
  await machine.kill();
  const console = machine.console.text();
  if (ending === undefined) throw new TypeError(`no end in sight:\n${console.slice(-2_000)}`);
  await look({ ending, console, disk: machine.files.disk });
}

/** Expects a node that came up as if nothing had been done to it. */
export function expectUnmoved({ ending }: AttackedBoot): void {
  expect(ending).toBe("serves");
}

/** Expects our own program as PID 1, and a TPM that noticed and gave no key. */
export function expectLocked({ ending, console }: AttackedBoot): void {
  expect(ending).toBe("locked");
  expect(console).toContain("Starting the node");
}

/** Expects that nothing started, ours or foreign. */
export function expectNotBooted({ ending, console }: AttackedBoot): void {
  expect(ending).toBe("not booted");
  expect(console).not.toContain("Starting the node");
}
