// The rules of node labels, which are those of Kubernetes.
import { isDomain } from "./domain.ts";

/** How many labels a node can have. */
export const MOST_LABELS = 128;

/** One label. */
export interface Label {
  readonly key: string;
  readonly value: string;
}

const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const LONGEST_DOMAIN = 253;

/** Whether a key is a name, or a name after a domain and a slash. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash === -1) return NAME.test(key);
  return isDomain(key.slice(0, slash), LONGEST_DOMAIN) && NAME.test(key.slice(slash + 1));
}

/** Whether a value is a name, or empty. */
export function isLabelValue(value: string): boolean {
  return value === "" || NAME.test(value);
}

/** In the order of the keys, as the cluster shows and keeps labels. */
export function sortLabels(labels: Iterable<Label>): Label[] {
  return [...labels].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * The labels that a machine may have of those it asks for: malformed ones are
 * left out, of several with one key the first is kept, and what is too much, or
 * longer than `bytes` together, is cut off. A machine that waits to be admitted
 * has nobody to read an error.
 */
export function admissibleLabels(
  asked: Iterable<Label>,
  bytes = Number.POSITIVE_INFINITY,
): Label[] {
  const kept = new Map<string, Label>();
  let left = bytes;
  for (const { key, value } of asked) {
    if (kept.size === MOST_LABELS) break;
    if (!isLabelKey(key) || !isLabelValue(value) || kept.has(key)) continue;
    left -= key.length + value.length;
    if (left < 0) break;
    kept.set(key, { key, value });
  }
  return sortLabels(kept.values());
}
