// The text of chrony's files (chrony.conf(5)).

import { TRUSTED_MS } from "./plausible.ts";

/** What of chrony is gone when the machine is off. */
export const RUN_FOLDER = "/run/chrony";

/** Where chrony reads the servers from that may change while it runs. */
export const SOURCES_FOLDER = `${RUN_FOLDER}/sources`;

/** Where chronyd takes commands; root only. */
export const COMMAND_SOCKET = `${RUN_FOLDER}/chronyd.sock`;

/** Asked where the network names no servers. */
const POOL = "pool pool.ntp.org iburst maxsources 4\n";

/**
 * Everything but the servers. The clock is moved by a day at a time at most: from the beginning
 * where it can be right, else after it was set once.
 */
export function chronyConfiguration(canBeRight: boolean): string {
  return `${ALWAYS}maxchange ${TRUSTED_MS / 1_000} ${canBeRight ? 0 : 1} -1\n`;
}

const ALWAYS = `sourcedir ${SOURCES_FOLDER}
bindcmdaddress ${COMMAND_SOCKET}
cmdport 0
pidfile /run/chrony/chronyd.pid
stratumweight 0.01
leapsecmode slew
maxslewrate 10000
makestep 2.0 3
rtconutc
rtcsync
driftfile /run/lib/chrony/drift
`;

/** A file of sources for some servers: those, or the public pool. */
export function chronySources(servers: readonly string[]): string {
  if (servers.length === 0) return POOL;
  // A server that was silent at first is to be heard within a minute: it takes some answers.
  return servers.map((address) => `server ${address} iburst minpoll 4\n`).join("");
}
