// The attacker, or chance, took the system partition away: the kernel waits for it without
// end, and nobody would ever see a node again that could have rolled back.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { continueFrom, golden, outputs, patience } from "../../vm/golden.ts";
import { imageOn, namesOn, plant } from "./esp.ts";
import { makeForeign, withCommandLine } from "./foreign.ts";

/** What the product's watchdog waits, and what it waits here: nobody wants to watch it for minutes. */
const MARGIN = "softdog.soft_margin=180";
const SHORT_MARGIN = "softdog.soft_margin=5";

/** How long a machine natively takes to have begun its second attempt. */
const SECOND_ATTEMPT_MS = 60_000;

/** Registers the test. */
export function systemIsGone(): void {
  test("a kernel that waits for its system for ever is reset, and the attempts are counted", async () => {
    const { owned } = await golden();
    await using cluster = await continueFrom("system-gone", owned);
    const machine = cluster.machine();
    const { signAsOwner } = await makeForeign("system-gone");
    const built = readFileSync(join(outputs, "metropolis.efi"));
    const nowhere = `PARTUUID=${crypto.randomUUID()}`;
    const image = withCommandLine(built, (line) => {
      expect(line).toContain(MARGIN);
      return line.replaceAll(/PARTUUID=[0-9a-f-]+/g, nowhere).replace(MARGIN, SHORT_MARGIN);
    });
    const { disk } = machine.files;
    await plant(disk, { [`EFI/Linux/${await imageOn(disk)}`]: new Uint8Array() });
    // A later slot's name comes first among images of one version.
    await plant(disk, { "EFI/Linux/metropolis-b+3.efi": signAsOwner(image) });

    await machine.powerOn();
    const timeoutMs = patience(cluster, SECOND_ATTEMPT_MS);
    await machine.console.waitFor(/Software Watchdog Timer expired/, { timeoutMs });
    machine.console.skip();
    // The boot loader has counted by then.
    await machine.console.waitFor(/EFI stub/, { timeoutMs });
    await machine.kill();
    expect(await namesOn(disk, "EFI/Linux")).toContain("metropolis-b+1-2.efi");
  });
}
