// What the installer does not install to, or from: it names the thing, the reason and the next
// step on the console, and leaves the disk as it was.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/base/process/process.ts";
import {
  type Cluster,
  createCluster,
  type Machine,
  type PowerOnOptions,
} from "../../src/launcher/launcher.ts";
import { setVariables } from "../attack/boot/firmware-variables.ts";
import { bytesAt, changeByte, findBytes, writeBytes } from "./disk-image.ts";
import { clear, outputs, patience, scratch } from "./golden.ts";
import { Operator } from "./operator.ts";

const REFUSAL_MS = 40_000;
const NAME = "refusals";
const MIB = 2 ** 20;

/** Where the ESP of a medium begins, as mtools want it. */
const ESP = "@@1M";

/** OVMF's own switch for Secure Boot, which leaves the keys where they are. */
const SWITCH = { name: "SecureBootEnable", vendor: "f0a30bc7-af08-4556-99c4-001009c93a44" };
const NOT_FOR_SYSTEMS = 0b011;

const WRITE_AGAIN = "write the medium again, or use another one";
const INSECURE = [
  "Secure Boot is off, and the cluster uses this machine's TPM. Enrol the keys and switch it on",
  "or write a medium with --bootstrap-tpm-mode=disabled",
];

/** The machines: one with all that it takes, and those that lack something for good. */
const WHOLE = 1;
const NO_TPM = 2;
const SMALL = 3;

/** A machine that must not be installed. */
interface Refusal {
  readonly machine?: number;
  readonly options?: PowerOnOptions;
  /** What the console says: thing and reason, and the next step. */
  readonly says: readonly string[];
  /** Done to the machine before. */
  readonly prepare?: (machine: Machine) => void;
  /** Where a byte of the medium is turned. */
  readonly damage?: (medium: string) => number | Promise<number>;
}

const refusals: Readonly<Record<string, Refusal>> = {
  "a machine without a TPM": {
    machine: NO_TPM,
    says: [
      "This machine has no TPM 2.0, which the cluster requires. Switch it on",
      "or write a medium with --bootstrap-tpm-mode=best-effort",
    ],
  },
  "a disk that is too small": {
    machine: SMALL,
    says: [
      "There is no disk to install to. A node needs at least",
      "/dev/vda is too small, it has",
    ],
  },
  "a machine without a disk": {
    options: { hasNoDisk: true },
    says: ["There is no disk to install to. A node needs", "/dev/sda is the installation medium"],
  },
  "a system image on the medium that has changed": {
    damage: (medium) => placeOf(medium, "system.img"),
    says: ["bundle.zip: system.img: damaged", WRITE_AGAIN],
  },
  "a bundle on the medium whose list has changed": {
    // The end of the archive, by which everything in it is found.
    damage: (medium) => placeOf(medium, "bundle.zip", 20),
    says: ["bundle.zip is not a sound bundle", WRITE_AGAIN],
  },
  "node parameters on the medium that have changed": {
    damage: parametersOn,
    says: ["The node parameters on the medium are damaged. Write it again"],
  },
  "an installer on the medium that has changed": {
    damage: (medium) => placeOf(medium, "installer.efi"),
    says: ["Access Denied"],
  },
  "a machine that starts by a legacy BIOS": {
    options: { hasLegacyBios: true },
    says: [
      "Metropolis needs UEFI, and a legacy BIOS has started this machine.",
      "Switch the firmware to UEFI mode, without a compatibility module.",
    ],
  },
  "a machine whose Secure Boot is switched off": {
    prepare: ({ files }) =>
      setVariables(files.variables, [
        { ...SWITCH, attributes: NOT_FOR_SYSTEMS, bytes: Uint8Array.of(0) },
      ]),
    says: INSECURE,
  },
  "a machine without keys, in setup mode": {
    prepare: ({ files }) =>
      copyFileSync(join(outputs, "host/usr/share/OVMF/OVMF_VARS_4M.fd"), files.variables),
    says: INSECURE,
  },
};

/** Registers the tests; they share machines, none of which is changed but in its firmware. */
export function installerRefuses(): void {
  let cluster: Cluster;
  let medium: string;

  beforeAll(async () => {
    const folder = scratch(NAME);
    medium = join(folder, "medium.img");
    const bundle = `--bundle=${join(outputs, "bundle.zip")}`;
    const owner = new Operator(folder, outputs);
    await owner.metroctl("install", "genusb", medium, "--bootstrap", bundle);
    await clear(NAME);
    const machines = [{ disk: "3G" }, { disk: "3G", tpm: false }, { disk: "1G" }];
    cluster = await createCluster({ name: NAME, machines, out: outputs, isBound: true });
    for (const { files } of cluster.machines) fill(files.disk);
  });

  afterAll(async () => cluster?.destroy());

  test.each(Object.entries(refusals))("%s is refused, and its disk left alone", async (_, each) => {
    const machine = cluster.machine(each.machine ?? WHOLE);
    const before = await fingerprint(machine.files.disk);
    each.prepare?.(machine);
    const place = await each.damage?.(medium);
    if (place !== undefined) changeByte(medium, place);
    await machine.powerOn({ medium, ...each.options });
    for (const text of each.says) {
      const timeoutMs = patience(cluster, REFUSAL_MS);
      await machine.console.waitFor(new RegExp(RegExp.escape(text)), { timeoutMs });
    }
    await machine.kill();
    if (place !== undefined) changeByte(medium, place);
    expect(machine.console.text()).not.toContain("Installing to");
    expect(await fingerprint(machine.files.disk)).toBe(before);
  });
}

/** Puts something on a disk that somebody would miss: where tables are, and between. */
function fill(disk: string): void {
  const { size } = Bun.file(disk);
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  for (const offset of [0, 600 * MIB, size - bytes.length]) writeBytes(disk, offset, bytes);
}

/** A hash of all that is on a disk, and of when it was written. */
async function fingerprint(disk: string): Promise<string> {
  // Holes are left out: to read them would take most of the test's time.
  const { stdout } = await run(["tar", "--create", "--sparse", "--format=gnu", "--file=-", disk]);
  return new Bun.CryptoHasher("sha256").update(stdout).digest("hex");
}

/** Where on a medium a byte of an output lies: in the middle, or so far before its end. */
function placeOf(medium: string, name: string, beforeEnd?: number): number {
  const { head, size } = output(name);
  const bundle = output("bundle.zip");
  const [start = 0] = findBytes(medium, [bundle.head]);
  const isInBundle = (place: number) => place >= start && place < start + bundle.size;
  const places = findBytes(medium, [head]);
  // The installer is there twice: as the firmware starts it, and in the bundle.
  const place = places.find((each) => !isInBundle(each)) ?? places[0];
  if (place === undefined) throw new TypeError(`${medium} does not hold ${name}`);
  return place + (beforeEnd === undefined ? Math.floor(size / 2) : size - beforeEnd);
}

function output(name: string): { readonly head: Uint8Array; readonly size: number } {
  const bytes = readFileSync(join(outputs, name));
  return { head: bytes.subarray(0, 4096), size: bytes.length };
}

async function parametersOn(medium: string): Promise<number> {
  const file = "::/metropolis-installer/nodeparams.pb";
  const { stdout } = await run(["mtype", "-i", `${medium}${ESP}`, file]);
  const [place = 0] = findBytes(medium, [stdout.subarray(0, 64)]);
  const middle = place + Math.floor(stdout.length / 2);
  expect(bytesAt(medium, place, stdout.length)).toEqual(Buffer.from(stdout));
  return middle;
}
