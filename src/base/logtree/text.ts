// The standard text form of entries, as the handbook prints it:
//
//   root.network.interfaces.dhcp     I0228 13:30:46.006082 dhcpc.go:632] DISCOVERING => REQUESTING
//   root.time                        R chronyd version 4.1
import type { Entry, LeveledEntry, RawEntry, Severity } from "./entry.ts";

/** Longer DNs are not cut; they push the rest of their line to the right. */
const DN_WIDTH = 32;

/** The letter that stands for a severity. */
export const severityLetters: Readonly<Record<Severity, string>> = {
  info: "I",
  warning: "W",
  error: "E",
  fatal: "F",
};

/** One line per message, each with the whole prefix, joined by newlines. Times are UTC. */
export function formatEntry(entry: Entry): string {
  const dn = entry.dn.padEnd(DN_WIDTH);
  if (entry.kind === "raw") return `${dn} R ${rawText(entry)}`;
  const prefix = `${dn} ${stamp(entry)} ${printable(entry.file)}:${entry.line}] `;
  return entry.messages.map((message) => prefix + printable(message)).join("\n");
}

/** The text of a raw entry, marked if the line was cut. */
export function rawText({ text, originalLength }: RawEntry): string {
  return printable(text) + (originalLength > Buffer.byteLength(text) ? "..." : "");
}

/**
 * Text that is safe on a terminal: control characters show as `\x1b`.
 *
 * Programs and peers choose what they log; an escape sequence must not reach
 * the console or the terminal of an operator. Tabs are harmless.
 */
export function printable(text: string): string {
  return text.replace(
    /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** Severity, date and time of day, such as `I0228 13:30:45.996960`. */
function stamp({ severity, time, micros = 0 }: LeveledEntry): string {
  // 2022-02-28T13:30:45.996Z
  const iso = time.toISOString();
  const [month, day] = [iso.slice(-19, -17), iso.slice(-16, -14)];
  const fraction = String(micros).padStart(3, "0");
  return `${severityLetters[severity]}${month}${day} ${iso.slice(-13, -1)}${fraction}`;
}
