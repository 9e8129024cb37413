// Labels as people write them on a command line: key=value.
import { UsageError } from "../output/user-error.ts";

/** A label. */
export interface Label {
  readonly key: string;
  readonly value: string;
}

/** The label that a word of the form `key=value` means. */
export function labelOf(word: string): Label {
  const at = word.indexOf("=");
  return { key: word.slice(0, at), value: word.slice(at + 1) };
}

/**
 * The labels of a list such as `rack=a1,zone=east`.
 *
 * Throws a {@link UsageError} for a word without a key or `=`, and for a key twice.
 */
export function labelList(text: string | undefined): readonly Label[] {
  const words = text === undefined ? [] : text.split(",").map((word) => word.trim());
  const wrong = words.find((word) => word.indexOf("=") < 1);
  if (wrong !== undefined) throw new UsageError(`--label=${wrong}: write key=value`);
  const labels = words.map(labelOf);
  const twice = labels.find(({ key }, at) => labels.findIndex((label) => label.key === key) < at);
  if (twice !== undefined) throw new UsageError(`--label: ${twice.key} is given twice`);
  return labels;
}
