// Distinguished names: `root.network.interfaces.dhcp`, a path in the
// supervision tree, its components joined by dots.

/** A DN that breaks the rules: an empty component, or characters that cannot stand in one. */
export class DnError extends Error {
  override readonly name = "DnError";

  constructor(readonly dn: string) {
    super(`DN ${JSON.stringify(dn.slice(0, LONGEST))} is not valid`);
  }
}

/** Longer than any real DN; keeps what another process claims from filling memory. */
const LONGEST = 512;

// Blanks would shift the columns of the text form, control characters could
// steer an operator's terminal.
const pattern = /^[!-\-/-~]+(?:\.[!-\-/-~]+)*$/;

/** Throws a {@link DnError} unless `dn` can name a place in the tree. */
export function checkDn(dn: string): void {
  if (dn.length > LONGEST || !pattern.test(dn)) throw new DnError(dn);
}

/** Whether `dn` is `ancestor` or lies below it; everything lies below the empty DN. */
export function isWithin(dn: string, ancestor: string): boolean {
  return ancestor === "" || dn === ancestor || dn.startsWith(`${ancestor}.`);
}
