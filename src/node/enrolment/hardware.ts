// What the firmware says about this machine (SMBIOS, as the kernel shows it), for the
// operator who decides whether to let it into a cluster.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Longest text that is passed on: firmware may say anything. */
const MAX_LENGTH = 64;

/** Vendor, model and serial number; empty where the firmware is silent. */
export function hardware(folder = "/sys/class/dmi/id") {
  return {
    vendor: text(join(folder, "sys_vendor")),
    model: text(join(folder, "product_name")),
    serial: text(join(folder, "product_serial")),
  };
}

/** One line, printable. */
function text(path: string): string {
  try {
    const [line = ""] = readFileSync(path, "utf8").split("\n");
    return line
      .replaceAll(/[^\x20-\x7e]/g, "?")
      .trim()
      .slice(0, MAX_LENGTH);
  } catch {
    // Not every machine has each of them.
    return "";
  }
}
