// Text from machines that nobody trusts yet, before it reaches a terminal.

/** The text with every control character but the tabulator replaced: it can neither move nor hide anything. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    "�",
  );
}
