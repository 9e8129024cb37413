// The kernel image that this machine was booted from, as it lies on the ESP, and the public policy
// keys of the system that runs. The ESP is anybody's: what it says is believed only as far as the
// keys have signed it, and they come from the verified system image.
import { open, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { readPe } from "../../base/format/pe.ts";
import { type EfiVariables, efiVendor, textOf } from "../../base/linux/efi-variables.ts";
import {
  type PolicyKey,
  parseSignedPolicies,
  policyKey,
  type SignedPolicy,
} from "../../base/tpm/tpm.ts";
import {
  formatKernelName,
  POLICY_KEYS_FILE,
  POLICY_SECTION,
  parseKernelName,
  type Slot,
} from "../../image/image.ts";

/** Enough for the headers of any image. */
const HEADER_BYTES = 16_384;

/** What the running system was booted from. */
export interface BootImage {
  /** The newest last; empty where the system image has none. */
  readonly keys: readonly PolicyKey[];
  /** What the image says, signed, of the PCRs of its boot. */
  policies(): Promise<readonly SignedPolicy[]>;
  /** All of the image. */
  bytes(): Promise<Uint8Array>;
}

/** Where to look. */
export interface BootImagePlaces {
  /** The ESP's folder of kernel images. */
  readonly images: string;
  readonly slot: Slot;
  readonly variables: EfiVariables;
  /** Root of the system image; default `/`. */
  readonly root?: string;
}

/** The image that systemd-stub says it was; the variable ends with the boot. */
export async function bootImage(places: BootImagePlaces): Promise<BootImage> {
  const pem = await readFile(join(places.root ?? "/", POLICY_KEYS_FILE), "utf8").catch(() => "");
  const blocks = pem.match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? [];
  return {
    keys: blocks.map(policyKey),
    policies: async () => parseSignedPolicies(await firstOf(places, policySection)),
    bytes: () => firstOf(places, async (path) => new Uint8Array(await readFile(path))),
  };
}

/** Its name when it was started; and when it has lost its counter, which it does in this boot. */
async function firstOf<R>(
  { images, slot, variables }: BootImagePlaces,
  read: (path: string) => Promise<R>,
): Promise<R> {
  const variable = variables.read({ name: "StubImageIdentifier", vendor: efiVendor.loader });
  const named = variable === undefined ? "" : basename(textOf(variable).replaceAll("\\", "/"));
  const plain = formatKernelName({ slot });
  if (parseKernelName(named)?.slot === slot && named !== plain) {
    return read(join(images, named)).catch(() => read(join(images, plain)));
  }
  return read(join(images, plain));
}

/** Reads the one section, not the whole image: it has to be done at every boot. */
async function policySection(path: string): Promise<string> {
  const file = await open(path);
  try {
    const header = new Uint8Array(HEADER_BYTES);
    await file.read(header, 0, header.length, 0);
    const section = readPe(header).sections.find(({ name }) => name === POLICY_SECTION);
    if (section === undefined) return "{}";
    const bytes = new Uint8Array(Math.min(section.virtualSize, section.rawSize));
    await file.read(bytes, 0, bytes.length, section.rawOffset);
    return new TextDecoder().decode(bytes);
  } finally {
    await file.close();
  }
}
