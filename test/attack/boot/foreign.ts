// What an attacker brings along: a program that says so when it is run as PID 1, archives
// and images with it, and a key that no firmware trusts.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signPe } from "../../../src/base/format/authenticode.ts";
import { cpioArchive } from "../../../src/base/format/cpio.ts";
import { addSections, readPe } from "../../../src/base/format/pe.ts";
import { run } from "../../../src/base/process/process.ts";
import { outputs, scratch } from "../../vm/golden.ts";

/** What the foreign program prints, to whatever console there is. */
export const TAKEN_OVER = "FOREIGN CODE IS PID 1";

/** Words with which the kernel starts the foreign program from the ESP. */
export const FROM_ESP = "root=/dev/vda1 rootfstype=vfat rw rootwait init=/foreign rdinit=/foreign";

/** The program in the language of the processor: it needs nothing of the system around it. */
const SOURCE = `
.globl _start
_start:
  mov $1, %eax
  mov $1, %edi
  lea text(%rip), %rsi
  mov $(end - text), %edx
  syscall
rest:
  mov $34, %eax
  syscall
  jmp rest
text: .ascii "${TAKEN_OVER}\\n"
end:
`;

/** Where the stubs of systemd lie in the build's outputs. */
const STUBS = "host/usr/lib/systemd/boot/efi";

/** All that one attack needs. */
export interface Foreign {
  readonly program: Uint8Array;
  /** An initramfs in which the program is all there is to start. */
  readonly initramfs: Uint8Array;
  /** Signs with a key that no firmware trusts. */
  sign(image: Uint8Array): Uint8Array;
  /** Signs with the key of this build, as a mistake of its owner would. */
  signAsOwner(image: Uint8Array): Uint8Array;
}

/** Makes program, archive and key in a folder of this name. */
export async function makeForeign(name: string): Promise<Foreign> {
  const folder = scratch(`foreign-${name}`);
  const path = (file: string) => join(folder, file);
  writeFileSync(path("foreign.s"), SOURCE);
  await run(["gcc", "-nostdlib", "-static", "-o", path("foreign"), path("foreign.s")]);
  const subject = ["-subj", "/CN=nobody/", "-keyout", path("db.key"), "-out", path("db.crt")];
  await run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-sha256", ...subject]);
  const program = readFileSync(path("foreign"));
  const initramfs = cpioArchive([
    { kind: "folder", path: "dev" },
    { kind: "device", path: "dev/console", major: 5, minor: 1 },
    ...["init", "foreign"].map(
      (name) => ({ kind: "file", path: name, mode: 0o755, bytes: program }) as const,
    ),
  ]);
  const keys = join(outputs, "keys");
  return {
    program,
    initramfs,
    sign: (image) => signWith(folder, image),
    signAsOwner: (image) => signWith(keys, image),
  };
}

function signWith(keys: string, image: Uint8Array): Uint8Array {
  const key = createPrivateKey(readFileSync(join(keys, "db.key")));
  return signPe(image, key, new X509Certificate(readFileSync(join(keys, "db.crt"))));
}

/** An addon that adds to the command line, not signed. */
export function addon(commandLine: string): Uint8Array {
  return addSections(stub("addonx64.efi.stub"), [text(".cmdline", `${commandLine}\0`)]);
}

/** A kernel image of the attacker's, which claims to be newer than any other; not signed. */
export function foreignImage(initramfs: Uint8Array): Uint8Array {
  return addSections(stub("linuxx64.efi.stub"), [
    text(".osrel", 'ID=metropolis\nVERSION_ID=999\nPRETTY_NAME="Newer"\n'),
    text(".cmdline", "console=ttyS0\0"),
    { name: ".initrd", bytes: initramfs },
    { name: ".linux", bytes: readFileSync(join(outputs, "bzImage")), isCode: true },
  ]);
}

/** The build's kernel image with other words on its command line, and without its signature. */
export function withCommandLine(
  image: Uint8Array,
  change: (commandLine: string) => string,
): Uint8Array {
  const unsigned = withoutSignature(image);
  const section = readPe(unsigned).sections.find(({ name }) => name === ".cmdline");
  if (section === undefined) throw new TypeError("the image has no command line");
  const { rawOffset, virtualSize } = section;
  const place = unsigned.subarray(rawOffset, rawOffset + virtualSize);
  const old = new TextDecoder().decode(place).replace(/\0+$/, "");
  const next = change(old);
  if (next.length > virtualSize - 1) throw new TypeError("the command line got longer");
  place.fill(0);
  new TextEncoder().encodeInto(next, place);
  return unsigned;
}

function withoutSignature(image: Uint8Array): Uint8Array {
  const { certificateEntry, checksum } = readPe(image);
  const end = new DataView(image.buffer, image.byteOffset).getUint32(certificateEntry, true);
  const unsigned = image.slice(0, end);
  unsigned.fill(0, certificateEntry, certificateEntry + 8);
  unsigned.fill(0, checksum, checksum + 4);
  return unsigned;
}

function stub(name: string): Uint8Array {
  return readFileSync(join(outputs, STUBS, name));
}

function text(name: string, content: string) {
  return { name, bytes: new TextEncoder().encode(content) };
}
