// The installer, the program on the USB medium: makes the machine it runs on a node.
//
//   own medium ─▶ parameters, bundle ─▶ checks ─▶ first suitable disk ─▶ boot entry ─▶ reboot
//
// It asks nothing. What it prints goes by init to every console. When it cannot go on, it says why
// in one message and stays, so that the message can be read; the machine is switched off by hand.
import { blockDevices } from "../base/linux/block-device.ts";
import { bootPartition, EfiVariables, hasEfi, isSecureBoot } from "../base/linux/efi-variables.ts";
import { forbidDumps } from "../base/linux/prctl.ts";
import { syncDisks } from "../base/linux/reboot.ts";
import { errorText } from "../base/logtree/logtree.ts";
import { hasTpm } from "../base/tpm/tpm.ts";
import { addBootEntry } from "./boot-entry.ts";
import { install, type Machine, type Print } from "./install.ts";
import { openMedium } from "./medium.ts";

/** Init reboots the machine when we end with this. */
const EXIT_REBOOT = 64;

/** Installs; gives the exit code for init, or never returns. */
export async function main(): Promise<number> {
  const print: Print = (line) => process.stdout.write(`${line}\n`);
  print("Metropolis installer");
  // The parameters that it carries hold the ownership secret, or a register ticket.
  forbidDumps();
  try {
    await install(machine(), print);
  } catch (error) {
    return stay(print, error);
  }
  syncDisks();
  print("Restarting; the installation media will need to be removed");
  return EXIT_REBOOT;
}

function machine(): Machine {
  const variables = new EfiVariables();
  const isEfi = hasEfi();
  return {
    hasEfi: isEfi,
    hasTpm: hasTpm(),
    isSecureBoot: isEfi && isSecureBoot(variables),
    openMedium: () => openMedium(bootPartition(variables)),
    disks: blockDevices,
    addBootEntry: (file) => addBootEntry(variables, file),
  };
}

/** Keeps the message on the screen; a reboot would only fail again, and hide it. */
async function stay(print: Print, error: unknown): Promise<never> {
  print(`Installation failed: ${errorText(error)}.`);
  print("Nothing more will happen. Switch the machine off, and try again");
  const { promise } = Promise.withResolvers<never>();
  // A promise alone does not keep the process alive.
  setInterval(() => {}, 60_000);
  return promise;
}
