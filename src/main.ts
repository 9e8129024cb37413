// The one executable: the name it is started under decides which program it is.
//
// Every role is loaded only when it is the one asked for, so that metroctl starts in milliseconds
// and never touches what needs Linux.
import { basename } from "node:path";

/** What a role's front door offers: its whole life. A number it ends with is the exit code. */
type Main = (args: readonly string[]) => unknown;

const roles: Readonly<Record<string, () => Promise<{ readonly main: Main }>>> = {
  init: () => import("./init/init.ts"),
  node: () => import("./node/node.ts"),
  curator: () => import("./curator/curator.ts"),
  installer: () => import("./installer/installer.ts"),
  metroctl: () => import("./metroctl/metroctl.ts"),
  "dhcp-hook": () => import("./node/network/dhcp-hook.ts"),
};

/**
 * The role for a program name.
 *
 * From source the name is always Bun's, so METROPOLIS_ROLE speaks where the name says nothing.
 * Any other name is a person who renamed the download: that person wants metroctl.
 */
export function roleOf(argv0: string, wanted: string | undefined): string {
  const name = basename(argv0);
  if (name in roles) return name;
  return wanted !== undefined && wanted in roles ? wanted : "metroctl";
}

async function start(): Promise<void> {
  const role = roles[roleOf(process.argv0, process.env.METROPOLIS_ROLE)];
  const exitCode = await (await role?.())?.main(process.argv.slice(2));
  if (typeof exitCode === "number") process.exitCode = exitCode;
}

if (import.meta.main) await start();
