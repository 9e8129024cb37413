// The rule of DNS domains in the cluster.

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** A name that ends so would be read as an IPv4 address by URL parsers. */
const NUMBER = /^([0-9]+|0x[0-9a-f]*)$/;

/** The longest domain that a cluster can have. */
export const LONGEST_CLUSTER_DOMAIN = 80;

/** Whether a text is a lower-case domain of at most `longest` characters. */
export function isDomain(text: string, longest: number): boolean {
  if (text.length > longest) return false;
  const labels = text.split(".");
  return labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1) ?? "");
}
