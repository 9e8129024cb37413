// Says in the log at which ports this machine listens, whenever that changes: what nobody has
// thought about shows up there.
import { sleep } from "../../base/event/event.ts";
import { type ListeningPort, listeningPorts } from "../../base/linux/listening.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";

/** How often to look. A port that is open for less is a program's that starts again and again. */
const LOOK_MS = 2_000;

/** A port as the handbook writes it. */
export function portName({ port, protocol, isLoopback }: ListeningPort): string {
  return `${port}/${protocol}${isLoopback ? " (this machine only)" : ""}`;
}

/** Watches the ports of the machine. */
export function ports(look: () => readonly ListeningPort[] = listeningPorts): Runnable {
  return async ({ log, signal, healthy }) => {
    healthy();
    for (let known = ""; ; await sleep(LOOK_MS, signal)) {
      const names = look().map(portName).join(", ");
      if (names !== known) log.info(`Listening at ${names === "" ? "no port" : names}`);
      known = names;
    }
  };
}
