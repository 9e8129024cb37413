// The Debian packages whose programs only the tests call, on top of those that
// the build and the launcher ask for by themselves.
import { installLine, isInstalled, missingPackages } from "../src/launcher/launcher.ts";

/** Programs by the package that brings them. */
const needs: Readonly<Record<string, string>> = {
  "fsck.fat": "dosfstools",
  mtype: "mtools",
  sgdisk: "gdisk",
  unzip: "unzip",
  cpio: "cpio",
  openssl: "openssl",
  sbverify: "sbsigntool",
  osslsigncode: "osslsigncode",
  age: "age",
  losetup: "mount",
  tpm2: "tpm2-tools",
  "mkfs.xfs": "xfsprogs",
  cryptsetup: "cryptsetup-bin",
  fio: "fio",
};

/** The packages of tests and launcher that are missing here. */
export function missingTestPackages(): readonly string[] {
  const own = Object.entries(needs).filter(([program]) => !isInstalled(program));
  return [...new Set([...own.map(([, name]) => name), ...missingPackages()])];
}

/**
 * The commands that install what is missing, none if nothing is.
 *
 * An ordinary user gets an empty list, and has been told the line to run.
 */
export function installCommands(): readonly (readonly string[])[] {
  const missing = missingTestPackages();
  if (missing.length === 0) return [];
  if (process.getuid?.() !== 0) {
    console.error(`Debian packages are missing; install them with:\n\n  ${installLine(missing)}\n`);
    return [];
  }
  return [["apt-get", "update", "-qq"], installLine(missing).split(" ")];
}
