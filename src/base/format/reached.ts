// Where a machine is reached that may have several addresses, of either family.
import { isIP } from "node:net";

/** What a machine says of that. */
export interface Reached {
  /** Its best address; empty where it has none. */
  readonly externalAddress: string;
  /** All of them, best first; none where it knows of no more than one. */
  readonly addresses: readonly string[];
}

/** All addresses of a machine, best first. */
export function allAddresses(reached: Reached | undefined): readonly string[] {
  if (reached === undefined || reached.externalAddress === "") return [];
  return reached.addresses.length > 0 ? reached.addresses : [reached.externalAddress];
}

/**
 * Those of a machine's addresses that are of a family of one's own: no others can be dialled.
 * Whoever does not know his own gets all.
 */
export function reachable(addresses: readonly string[], own: readonly string[]): readonly string[] {
  const families = new Set(own.map(isIP));
  families.delete(0);
  if (families.size === 0) return addresses;
  return addresses.filter((address) => families.has(isIP(address)));
}

/** The best of them; undefined where there is none. */
export function nearest(addresses: readonly string[], own: readonly string[]): string | undefined {
  return reachable(addresses, own)[0];
}
