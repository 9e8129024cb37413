// The states of a DHCPv4 client (RFC 2131, figure 5), followed from outside:
// by what dhcpcd says and by what it tells its hook.

/** A state, in the words of the handbook. */
export type DhcpState = "DISCOVERING" | "REQUESTING" | "BOUND" | "RENEWING" | "REBINDING";

/** What dhcpcd 10 says when it enters a state, behind the interface's name. */
const said: readonly (readonly [RegExp, DhcpState])[] = [
  [/^soliciting a DHCP lease/, "DISCOVERING"],
  [/^(offered|requesting) /, "REQUESTING"],
  [/^rebinding lease/, "REBINDING"],
  [/^renewing lease/, "RENEWING"],
  [/^leased /, "BOUND"],
  [/^(NAK|expired|carrier lost)/i, "DISCOVERING"],
];

/** The client of each interface. Starts where every client does, looking for a server. */
export class DhcpStates {
  readonly #states = new Map<string, DhcpState>();

  /** Reads a line of dhcpcd, and gives the transition if it made one: `A => B`. */
  read(line: string): string | undefined {
    const [, name = "", words = ""] = /^([a-zA-Z0-9._-]{1,15}): (.*)$/.exec(line) ?? [];
    const state = said.find(([pattern]) => pattern.test(words))?.[1];
    return state === undefined ? undefined : this.enter(name, state);
  }

  /** Enters a state, and gives the transition; nothing when it is the same. */
  enter(name: string, state: DhcpState): string | undefined {
    const before = this.#states.get(name);
    this.#states.set(name, state);
    if (before === undefined && state === "DISCOVERING") return undefined;
    const from = before ?? "DISCOVERING";
    return from === state ? undefined : `${from} => ${state}`;
  }
}
