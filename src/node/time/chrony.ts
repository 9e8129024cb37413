// The text of chrony's files (chrony.conf(5)).

/** Where chrony reads the servers from that may change while it runs. */
export const SOURCES_FOLDER = "/run/chrony/sources";

/** Asked where the network names no servers. */
const POOL = "pool pool.ntp.org iburst maxsources 4\n";

/** Everything but the servers. */
export const chronyConfiguration = `sourcedir ${SOURCES_FOLDER}
bindcmdaddress /run/chrony/chronyd.sock
cmdport 0
pidfile /run/chrony/chronyd.pid
stratumweight 0.01
leapsecmode slew
maxslewrate 10000
makestep 2.0 3
rtconutc
rtcsync
`;

/** A file of sources for some servers: those, or the public pool. */
export function chronySources(servers: readonly string[]): string {
  if (servers.length === 0) return POOL;
  return servers.map((address) => `server ${address} iburst\n`).join("");
}
