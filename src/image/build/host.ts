// Calls programs of the build host, and sees to it that they are there.
import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { run } from "../../base/process/process.ts";
import { BuildError, type Stage } from "./stage.ts";

/** Debian's ordinary users have no sbin in their search path, yet mkfs and friends live there. */
const SEARCH_PATH = [process.env.PATH ?? "", "/usr/local/go/bin", "/usr/sbin", "/sbin"].join(
  delimiter,
);

/** Ends every program of the build; they are groups of their own, so Ctrl-C does not reach them. */
const interrupt = new AbortController();

/** Ends the programs that run and lets none start any more. */
export function stopPrograms(): void {
  interrupt.abort(new BuildError("interrupted"));
}

/** How to call a program. */
export interface HostCall {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array | string;
}

/**
 * Runs a program to its end and returns what it printed.
 *
 * It gets the caller's environment, because proxies and package registries are set up there, but in
 * the C locale and in UTC: neither may show in what it makes.
 */
export async function host(argv: readonly string[], call: HostCall = {}): Promise<string> {
  const { text } = await run(argv, {
    ...(call.cwd === undefined ? {} : { cwd: call.cwd }),
    ...(call.input === undefined ? {} : { input: call.input }),
    env: { ...inheritedEnvironment(), ...call.env },
    signal: interrupt.signal,
  });
  return text;
}

function inheritedEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith("BUN_")) env[name] = value;
  }
  return { ...env, PATH: SEARCH_PATH, LC_ALL: "C", TZ: "UTC" };
}

/** Whether the host has a program. */
export function hasProgram(name: string): boolean {
  return Bun.which(name, { PATH: SEARCH_PATH }) !== null;
}

/** The Debian packages that stages need and that are not installed, each once, sorted. */
export function missingPackages(stages: readonly Stage[]): readonly string[] {
  const missing = new Set<string>();
  for (const stage of stages) {
    for (const [program, name] of Object.entries(stage.programs ?? {})) {
      if (!hasProgram(program)) missing.add(name);
    }
    for (const [file, name] of Object.entries(stage.files ?? {})) {
      if (!existsSync(file)) missing.add(name);
    }
  }
  return [...missing].sort();
}

/** The line that installs packages, for people to copy. */
export function installLine(packages: readonly string[]): string {
  return `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
}

/**
 * Installs what stages lack, if we are root; otherwise says which line a person has to run.
 *
 * Go is left out: its version matters, and Debian's is too old.
 */
export async function ensurePrograms(
  stages: readonly Stage[],
  note: (text: string) => void,
): Promise<void> {
  const missing = missingPackages(stages);
  if (missing.includes("go")) {
    throw new BuildError("Go 1.26 or newer is missing: install it and put it into the PATH");
  }
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new BuildError(
      `Debian packages are missing; run this line, then try again:\n  sudo ${installLine(missing)}`,
    );
  }
  note(`Installing ${missing.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await host(["apt-get", "update"], { env });
  await host(installLine(missing).split(" "), { env });
}
