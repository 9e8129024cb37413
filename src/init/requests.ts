// Who may ask for the machine's end beside the agent: the person in front of it, and the hypervisor.
import { PowerButton, powerButtons } from "../base/linux/power-button.ts";
import { errorText, type Logger } from "../base/logtree/logtree.ts";
import type { Ending } from "./agent-exit.ts";

/** How often to look at the power button. */
const BUTTON_PERIOD_MS = 250;
/** How often to look for power buttons while there is none: the kernel finds them in its own time. */
const SEARCH_PERIOD_MS = 5_000;

// No SIGPWR, which would suit a failing supply: Bun's collector needs it to stop threads.
const signals = [
  // The kernel's translation of Ctrl-Alt-Del.
  ["SIGINT", "reboot", "Ctrl-Alt-Del was pressed"],
  ["SIGTERM", "power off", "Init was told to stop"],
] as const satisfies readonly (readonly [NodeJS.Signals, Ending, string])[];

/** The first request for an end: `signal` aborts with it, and `ending` says which. */
export interface EndRequest {
  readonly signal: AbortSignal;
  readonly ending: Promise<Ending>;
}

/** Listens from now on. */
export function listenForEnd(log: Logger): EndRequest {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const ask = (ending: Ending, reason: string) => {
    if (controller.signal.aborted) return;
    log.info(`${reason}: going to ${ending}`);
    resolve(ending);
    controller.abort();
  };
  for (const [signal, ending, reason] of signals) process.on(signal, () => ask(ending, reason));
  watchButtons(() => ask("power off", "The power button was pressed"), log);
  return { signal: controller.signal, ending: promise };
}

function watchButtons(onPress: () => void, log: Logger): void {
  const buttons = openButtons(log);
  if (buttons.length === 0) {
    setTimeout(() => watchButtons(onPress, log), SEARCH_PERIOD_MS);
    return;
  }
  const timer = setInterval(() => {
    try {
      if (buttons.some((button) => button.wasPressed())) onPress();
    } catch (error) {
      clearInterval(timer);
      log.warning(`Could not ask the power button: ${errorText(error)}; going on without it`);
    }
  }, BUTTON_PERIOD_MS);
}

function openButtons(log: Logger): readonly PowerButton[] {
  return powerButtons().flatMap((path) => {
    try {
      return [new PowerButton(path)];
    } catch (error) {
      log.warning(`Could not open the power button: ${errorText(error)}; going on without it`);
      return [];
    }
  });
}
