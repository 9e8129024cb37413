// Init's main loop: runs the agent again and again, until the machine is to end.
import { uptimeSeconds } from "../base/linux/machine.ts";
import { type ExitStatus, ownPids } from "../base/process/process.ts";
import { type AgentOptions, runAgent } from "./agent.ts";
import { describeExit, type Ending, endingOf, nextPause } from "./agent-exit.ts";
import { startReaper } from "./reaper.ts";
import { listenForEnd } from "./requests.ts";
import { shutDown } from "./shutdown.ts";
import { startWatchdogs } from "./watchdogs.ts";

/** Runs until the machine's end; returns only where the kernel refuses to end it. */
export async function mainLoop(options: AgentOptions): Promise<void> {
  const { journal, role } = options;
  const { log } = journal;
  startReaper(ownPids, log);
  startWatchdogs(log);
  const { signal, ending: requested } = listenForEnd(log);
  // How fast a machine starts is a budget; these are the first two numbers of it.
  const own = (performance.now() / 1_000).toFixed(1);
  log.info(
    `Starting the ${role}, ${uptimeSeconds().toFixed(1)} s after the kernel, ${own} s after init`,
  );
  const ending = await keepRunning(options, signal);
  await shutDown(ending ?? (await requested), log);
}

/** Runs the agent again and again; gives the ending it asks for, undefined if others did. */
async function keepRunning(
  options: AgentOptions,
  signal: AbortSignal,
): Promise<Ending | undefined> {
  const { journal, role } = options;
  for (let pause = 0; !signal.aborted; ) {
    const start = performance.now();
    const { status, lastLines } = await runAgent(options, signal);
    const lived = performance.now() - start;
    const ending = endingOf(status);
    if (signal.aborted) return undefined;
    if (ending !== undefined) {
      journal.log.info(`The ${role} asks to ${ending}`);
      return ending;
    }
    if (role === "installer") return logInstallerEnd(options, status);
    for (const line of lastLines) journal.keep(role, line);
    pause = nextPause(pause, lived);
    journal.log.error(
      `The ${role} ${describeExit(status)} after ${(lived / 1_000).toFixed(1)} s; ` +
        `starting it again in ${pause / 1_000} s`,
    );
    await pauseFor(pause, signal);
  }
  return undefined;
}

/** An installer is not started twice: who knows what state it left the disk in. */
function logInstallerEnd({ journal }: AgentOptions, status: ExitStatus): undefined {
  journal.log.fatal(
    `The installer ${describeExit(status)}; nothing more will happen. ` +
      "Switch the machine off, and install again",
  );
  return undefined;
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
