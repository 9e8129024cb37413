// Where programs of this machine listen: the kernel's tables of sockets (proc_pid_net(5)).
import { existsSync, readFileSync } from "node:fs";

/** A port that somebody listens at. */
export interface ListeningPort {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** True where only this machine itself reaches it. */
  readonly isLoopback: boolean;
}

/** TCP_LISTEN; UDP sockets that nobody in particular talks to are in TCP_CLOSE. */
const STATES = { tcp: "0A", udp: "07" } as const;

/** Below it, ports are asked for by number; above, the kernel gives them to who sends something. */
const FIRST_EPHEMERAL = 32_768;

/** Reads one table, of either family. */
export function parseListening(protocol: "tcp" | "udp", table: string): readonly ListeningPort[] {
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const [address = "", port = ""] = local.split(":");
    if (state !== STATES[protocol]) return [];
    const number = Number.parseInt(port, 16);
    if (protocol === "udp" && number >= FIRST_EPHEMERAL) return [];
    return [{ protocol, port: number, isLoopback: isLoopback(address) }];
  });
}

/** Words of 32 bits in the machine's order, least byte first on ours: 127.0.0.1 ends with 7F. */
function isLoopback(address: string): boolean {
  if (address.length === 8) return address.endsWith("7F");
  return address === "00000000000000000000000001000000" || /^0{16}FFFF0000.{6}7F$/.test(address);
}

/** All of them, sorted; one that is open to both families is there once. */
export function listeningPorts(folder = "/proc/net"): readonly ListeningPort[] {
  const all = (["tcp", "udp"] as const).flatMap((protocol) =>
    [`${folder}/${protocol}`, `${folder}/${protocol}6`]
      .filter(existsSync)
      .flatMap((file) => parseListening(protocol, readFileSync(file, "utf8"))),
  );
  const unique = new Map(all.map((each) => [JSON.stringify(each), each]));
  const key = ({ protocol, port }: ListeningPort) => `${protocol} ${`${port}`.padStart(5)}`;
  return [...unique.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
