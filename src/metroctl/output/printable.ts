// Text from machines that nobody trusts yet, before it reaches a terminal. All that metroctl
// writes goes through here at last; what is one line, or one cell, where it is put together.

/** The text with every control character but the tabulator replaced: it can neither move nor hide anything. */
export function printable(text: string): string {
  return text.replace(CONTROL, "�");
}

/** The same of text that may have several lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** JSON, for programs, that says the same and is as harmless. */
export function printableJson(value: unknown, indent?: number): string {
  // Where JSON itself has ends of lines, it has no other of these; in strings all may be escaped.
  return JSON.stringify(value, null, indent).replace(CONTROL, (character) =>
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
