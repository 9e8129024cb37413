// The concise text form, for consoles: DNs shortened to a narrow column,
// no time, no source line, long messages wrapped between words.
//
//           net ifaces I Interface eth0 is up and has a long story to tell
//                      | that goes on here
import type { Entry } from "./entry.ts";
import { printable, rawText, severityLetters } from "./text.ts";

/** Words that have a well-known short form. */
const shortForms: Readonly<Record<string, string>> = {
  controlplane: "cplane",
  "map-cluster-membership": "map-membership",
  "cluster-membership": "cluster",
  "controller-manager": "controllers",
  networking: "net",
  network: "net",
  interfaces: "ifaces",
  kubernetes: "k8s",
};

/** Below this many columns the words need all the room there is. */
const NO_DN = 60;
/** Below this many columns the DN gets fewer. */
const NARROW = 80;

/** The width of a console when nobody says. */
const DEFAULT_WIDTH = 120;

/** One or several lines of at most `maxWidth` columns; 0 means no limit. */
export function formatConcise(entry: Entry, maxWidth = DEFAULT_WIDTH): string {
  const letter = entry.kind === "raw" ? "R" : severityLetters[entry.severity];
  const dnWidth = columnsForDn(maxWidth);
  const dn = dnWidth === 0 ? "" : `${shortDn(entry.dn, dnWidth).padStart(dnWidth)} `;
  const room = maxWidth === 0 ? Number.POSITIVE_INFINITY : maxWidth - dn.length - 2;
  const texts = entry.kind === "raw" ? [rawText(entry)] : entry.messages.map(printable);
  const lines = texts.flatMap((text) => wrap(text, Math.max(room, 1)));
  const [first = "", ...rest] = lines.filter((line) => line.trim() !== "");
  const indent = " ".repeat(dn.length);
  return [`${dn}${letter} ${first}`, ...rest.map((line) => `${indent}| ${line}`)].join("\n");
}

function columnsForDn(maxWidth: number): number {
  if (maxWidth === 0 || maxWidth >= NARROW) return 20;
  return maxWidth >= NO_DN ? 16 : 0;
}

/** A DN as a few short words: `root.network.interfaces` becomes `net ifaces`. */
function shortDn(dn: string, width: number): string {
  let words = dn.split(".").filter((word) => word !== "");
  if (words[0] === "root") words = words.slice(1);
  // Of a role's subtree, the role and the last word say the most.
  if (/^roles?$/.test(words[0] ?? "") && words.length > 1) {
    words = words.length === 2 ? words.slice(1) : [words[1] ?? "", words.at(-1) ?? ""];
  }
  const short = words.map((word) => shortForms[word] ?? word).join(" ");
  if (short === "") return "?";
  return short.length <= width ? short : `...${short.slice(3 - width)}`;
}

/** Cuts text into lines of at most `width` characters, between words where it can. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  // By code points, so that no surrogate pair is torn apart.
  let rest = [...text];
  while (rest.length > width) {
    const blank = rest.lastIndexOf(" ", width);
    const end = blank > 0 ? blank : width;
    lines.push(rest.slice(0, end).join("").trimEnd());
    rest = rest.slice(blank > 0 ? end + 1 : end);
  }
  lines.push(rest.join(""));
  return lines;
}
