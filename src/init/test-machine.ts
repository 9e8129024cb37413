// Running parts of init as PID 1 of a namespace of its own, for tests.
import { fileURLToPath } from "node:url";

/** What a machine printed on its console, and how it ended. */
export interface MachineRun {
  readonly console: string;
  /** 129 after a reboot, 130 after a power-off: that is how the kernel ends a namespace. */
  readonly exitCode: number | null;
}

/** The code that a namespace ends with. */
export const NAMESPACE_END = { reboot: 129, powerOff: 130 } as const;

/** Where the code of this folder is imported from. */
export const here: string = fileURLToPath(new URL(".", import.meta.url));

/** Every kind of namespace that keeps a test from touching the machine it runs on. */
const namespaces = ["--pid", "--fork", "--mount", "--mount-proc", "--uts", "--ipc", "--cgroup"];

/** The command that runs another as PID 1; an ordinary user becomes root of a user namespace. */
export function asPidOne(argv: readonly string[]): readonly string[] {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  return ["unshare", ...user, ...namespaces, "--kill-child", ...argv];
}

/**
 * A program that mounts everything that has a place here and keeps the given shell script as its
 * agent. It makes no places for mounts, for those would stay behind.
 */
export function machineProgram(agentScript: string): string {
  return `
    import { Consoles } from "${here}../base/linux/console.ts";
    import { withOwnMounts } from "${here}init.ts";
    import { Journal } from "${here}journal.ts";
    import { mainLoop } from "${here}main-loop.ts";
    import { existsSync } from "node:fs";
    import { mountAll, mountTable } from "${here}mounts.ts";
    const journal = new Journal(new Consoles(["/proc/self/fd/1"]));
    mountAll(journal.log, mountTable.filter(({ target }) => existsSync(target)));
    const argv = withOwnMounts(["sh", "-c", ${JSON.stringify(agentScript)}], "unshare");
    await mainLoop({ role: "node", command: () => ({ argv }), journal, isVerbose: false });
  `;
}
