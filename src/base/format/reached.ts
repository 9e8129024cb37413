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
 * The best of a machine's addresses that is of a family of one's own: no other can be dialled.
 * Undefined where there is none; whoever does not know his own gets the best at all.
 */
export function nearest(addresses: readonly string[], own: readonly string[]): string | undefined {
  const families = new Set(own.map(isIP));
  families.delete(0);
  if (families.size === 0) return addresses[0];
  return addresses.find((address) => families.has(isIP(address)));
}
