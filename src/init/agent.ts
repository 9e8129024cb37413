// One run of the agent, from its start to the end of everything it has started.
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  CGROUP_ROOT,
  createCgroup,
  delegateControllers,
  killCgroup,
  removeCgroup,
} from "../base/linux/cgroup.ts";
import { errorText } from "../base/logtree/logtree.ts";
import {
  type Dialog,
  type DialogOptions,
  type ExitStatus,
  startDialog,
} from "../base/process/process.ts";
import type { Journal } from "./journal.ts";
import type { Role } from "./role.ts";
import { killOthers, unmountDisks } from "./shutdown.ts";

/** All of ours lives in this group: the agent in a leaf, its programs beside it. */
const GROUP = "metropolis";

/** Time an agent gets to end well when the machine is to go down. */
export const AGENT_GRACE_MS = 30_000;

/** How much of an agent's output is kept: a stack trace with what led to it. */
const MOST_LAST_LINES = 40;

/** Which agent to run, and how. */
export interface AgentOptions {
  readonly role: Role;
  /** How the agent is started; asked each time. */
  readonly command: () => Pick<DialogOptions, "argv" | "argv0" | "env">;
  readonly journal: Journal;
  /** Show what the agent prints on the console; the installer's lines always are. */
  readonly isVerbose: boolean;
  /** Where control groups are; default is where the kernel has them. */
  readonly cgroups?: string;
}

/** One run that is over. */
export interface AgentRun {
  readonly status: ExitStatus;
  /** The last lines that the agent printed, oldest first. */
  readonly lastLines: readonly string[];
}

/** Runs the agent to its end; an abort of the signal ends it, gently at first. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<AgentRun> {
  const { journal, role } = options;
  const lastLines: string[] = [];
  const dialog = start(options, (line) => {
    lastLines.push(line);
    if (lastLines.length > MOST_LAST_LINES) lastLines.shift();
  });
  if (dialog === undefined) return { status: { exitCode: null, signal: null }, lastLines };
  // The installer has no log tree: init's words are for the console then.
  const detach =
    role === "node" ? await journal.attach((line) => dialog.send(line)) : () => undefined;
  const stop = () => void end(dialog);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return { status: await dialog.ended, lastLines };
  } finally {
    signal.removeEventListener("abort", stop);
    detach();
    await cleanUp(options);
  }
}

function start(options: AgentOptions, onLine: (line: string) => void): Dialog | undefined {
  const { role, command, journal, isVerbose } = options;
  const hear = (line: string) => {
    onLine(line);
    if (role === "installer") journal.print(line);
    else if (isVerbose) journal.print(`${role}: ${line}`);
  };
  try {
    const cgroup = makeGroup(options);
    return startDialog({
      ...command(),
      ...(cgroup !== undefined && { cgroup }),
      onStdout: hear,
      onStderr: hear,
    });
  } catch (error) {
    journal.log.error(`Could not start the ${role}: ${errorText(error)}`);
    return undefined;
  }
}

/** The group for the agent; without one we can still run it, only not clear up as well. */
function makeGroup({ role, journal, cgroups = CGROUP_ROOT }: AgentOptions): string | undefined {
  if (!existsSync(join(cgroups, "cgroup.procs"))) return undefined;
  const group = join(cgroups, GROUP);
  try {
    delegateControllers(cgroups);
    createCgroup(group);
    delegateControllers(group);
    createCgroup(join(group, role));
    return join(group, role);
  } catch (error) {
    const reason = errorText(error);
    journal.log.warning(`Could not make a control group for the ${role}: ${reason}; going on`);
    return undefined;
  }
}

async function end(dialog: Dialog): Promise<void> {
  dialog.kill("SIGTERM");
  const isLate = await Promise.race([
    dialog.ended.then(() => false),
    Bun.sleep(AGENT_GRACE_MS).then(() => true),
  ]);
  if (isLate) dialog.kill("SIGKILL");
}

/** Ends what a dead agent has left running and mounted, so that the next one starts afresh. */
async function cleanUp({ journal, cgroups = CGROUP_ROOT }: AgentOptions): Promise<void> {
  const group = join(cgroups, GROUP);
  try {
    await killCgroup(group);
    removeCgroup(group);
  } catch (error) {
    journal.log.warning(`Could not end all that the agent started: ${errorText(error)}; going on`);
  }
  // It may have moved itself, or others, out of its group.
  await killOthers(journal.log);
  unmountDisks(journal.log);
}
