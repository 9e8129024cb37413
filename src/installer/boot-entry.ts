// The firmware's boot entry for the new node, put before all others.
import {
  bootEntryName,
  bootEntryNumber,
  decodeBootEntry,
  decodeBootOrder,
  type EfiFile,
  encodeBootEntry,
  encodeBootOrder,
} from "../base/format/efi-variable.ts";
import { FormatError } from "../base/format/format.ts";
import { type EfiVariables, efiVendor, PERSISTENT } from "../base/linux/efi-variables.ts";
import { InstallerError } from "./installer-error.ts";

/** What the firmware's menu shows. */
export const DESCRIPTION = "Metropolis";

/** An entry that the firmware has. */
export interface KnownEntry {
  readonly number: number;
  /** Undefined for one that cannot be read. */
  readonly description: string | undefined;
}

/** How to change the firmware's entries. */
export interface EntryPlan {
  /** Entries of earlier installations: their disks are gone or overwritten. */
  readonly remove: readonly number[];
  /** The new entry. */
  readonly number: number;
  readonly order: readonly number[];
}

/** Plans the change. No I/O here. */
export function planEntries(known: readonly KnownEntry[], order: readonly number[]): EntryPlan {
  const remove = known
    .filter(({ description }) => description === DESCRIPTION)
    .map(({ number }) => number);
  const taken = new Set(known.map(({ number }) => number).filter((one) => !remove.includes(one)));
  const number = Array.from({ length: 0x10000 }, (_, index) => index).find(
    // An order may name entries that do not exist; a new one must not take their place by chance.
    (one) => !taken.has(one) && (remove.includes(one) || !order.includes(one)),
  );
  if (number === undefined) throw new InstallerError("The firmware has no room for a boot entry");
  const rest = order.filter((one) => one !== number && !remove.includes(one));
  return { remove, number, order: [number, ...rest] };
}

/** Makes the firmware start the file first, from now on. */
export function addBootEntry(variables: EfiVariables, file: EfiFile): void {
  const named = (name: string) => ({ name, vendor: efiVendor.global });
  const known = variables.list().flatMap(({ name, vendor }) => {
    const number = vendor === efiVendor.global ? bootEntryNumber(name) : undefined;
    return number === undefined ? [] : [{ number, description: describe(variables, name) }];
  });
  const order = variables.read(named("BootOrder"));
  const plan = planEntries(known, order === undefined ? [] : decodeBootOrder(order.data));
  for (const number of plan.remove) variables.remove(named(bootEntryName(number)));
  const write = (name: string, data: Uint8Array) =>
    variables.write(named(name), { attributes: PERSISTENT, data });
  write(bootEntryName(plan.number), encodeBootEntry(DESCRIPTION, file));
  write("BootOrder", encodeBootOrder(plan.order));
}

function describe(variables: EfiVariables, name: string): string | undefined {
  try {
    const value = variables.read({ name, vendor: efiVendor.global });
    return value && decodeBootEntry(value.data).description;
  } catch (error) {
    // Other systems' damaged entries are none of our business.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
