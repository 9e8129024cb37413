// What a machine's TPM measures when it boots one of our kernel images, computed from the image.
//
//   PCR 9    the kernel's command line, as the kernel itself measures it; no initramfs (noinitrd)
//   PCR 11   the sections of the image, as systemd-stub measures them
//   PCR 12   nothing: all that is added to an image from outside is measured there
import { createHash } from "node:crypto";
import { FormatError } from "../base/format/format.ts";
import { readPe, sectionBytes } from "../base/format/pe.ts";

/** The registers that tell a boot of one image from any other boot. */
export const IMAGE_PCRS = [9, 11, 12] as const;

/** The section with the signed policy; not measured, as it cannot sign itself. */
export const POLICY_SECTION = ".pcrsig";

/** The one that is extended when a node's keys are out, so that nothing opens in this boot again. */
export const RUNNING_PCR = 11;

/** By what it is extended. */
export const RUNNING = "metropolis:running";

/** Sections in the order in which systemd-stub 257 measures them, whatever their order in the file. */
const MEASURED = [
  ...[".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat"],
  ...[".pcrpkey", ".profile", ".dtbauto", ".hwids"],
];

const ZERO = new Uint8Array(32);

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function extend(value: Uint8Array, data: Uint8Array): Uint8Array {
  return sha256(value, sha256(data));
}

/** The values of {@link IMAGE_PCRS} after a boot of this image, straight from the stub. */
export function predictPcrs(image: Uint8Array): ReadonlyMap<number, Uint8Array> {
  return new Map([
    [9, commandLinePcr(sectionBytes(image, ".cmdline"))],
    [11, sectionsPcr(image)],
    [12, ZERO],
  ]);
}

/** The kernel measures its load options: UTF-16, little endian, with a closing zero. */
function commandLinePcr(section: Uint8Array | undefined): Uint8Array {
  if (section === undefined) throw new FormatError("kernel image: has no command line");
  const text = new TextDecoder().decode(section).replace(/\0+$/, "");
  return extend(ZERO, Buffer.from(`${text}\0`, "utf16le"));
}

/** For each section its name with a closing zero, then its content as it lies in memory. */
function sectionsPcr(image: Uint8Array): Uint8Array {
  const present = new Set(readPe(image).sections.map(({ name }) => name));
  let value: Uint8Array = ZERO;
  for (const name of MEASURED.filter((each) => present.has(each))) {
    value = extend(value, new TextEncoder().encode(`${name}\0`));
    value = extend(value, sectionBytes(image, name) ?? new Uint8Array());
  }
  return value;
}
