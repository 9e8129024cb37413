// The Debian packages that the launcher calls programs of: the one list of
// them, and the check that says which line installs what is missing.
import { delimiter } from "node:path";

/** What nodes are: virtual machines, or processes of this host. */
export type NodeKind = "machines" | "processes";

interface Need {
  readonly program: string;
  readonly debianPackage: string;
  /** Needed where nodes are processes, too. */
  readonly isCommon?: boolean;
}

/** Every outside program of the launcher, with the package that brings it. */
export const needs: readonly Need[] = [
  { program: "qemu-system-x86_64", debianPackage: "qemu-system-x86" },
  { program: "swtpm", debianPackage: "swtpm" },
  { program: "swtpm_setup", debianPackage: "swtpm-tools" },
  { program: "dnsmasq", debianPackage: "dnsmasq-base" },
  { program: "microsocks", debianPackage: "microsocks", isCommon: true },
  { program: "socat", debianPackage: "socat" },
  { program: "ethtool", debianPackage: "ethtool" },
  { program: "ip", debianPackage: "iproute2", isCommon: true },
  { program: "unshare", debianPackage: "util-linux", isCommon: true },
];

/**
 * The search path for programs. Debian's ordinary users have no sbin in theirs,
 * yet half of the programs above live there.
 */
export const programPath: string = [
  ...(process.env.PATH ?? "").split(delimiter),
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
  "/usr/bin",
  "/bin",
]
  .filter((folder, index, all) => folder !== "" && all.indexOf(folder) === index)
  .join(delimiter);

/** Whether a program can be found, by default on `programPath`. */
export function isInstalled(program: string, path: string = programPath): boolean {
  return Bun.which(program, { PATH: path }) !== null;
}

/** The Debian packages that are missing here for nodes of a kind, each once. */
export function missingPackages(
  kind: NodeKind = "machines",
  path: string = programPath,
): readonly string[] {
  const needed = needs.filter(({ isCommon = false }) => isCommon || kind === "machines");
  const missing = needed.filter(({ program }) => !isInstalled(program, path));
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))];
}

/** The one line that installs packages: for root as it is, else through sudo. */
export function installLine(
  packages: readonly string[],
  isRoot = process.getuid?.() === 0,
): string {
  const line = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  return isRoot ? line : `sudo ${line}`;
}
