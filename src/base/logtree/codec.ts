// How a process of ours hands its entries to its parent: one JSON object per
// line on stdout. Keys are single letters, because this runs for every line.
// Anything else that appears there is not an entry, and the parent logs it raw.
import { moment } from "./clock.ts";
import { checkDn, DnError } from "./dn.ts";
import { type Entry, severities } from "./entry.ts";

/** Longest line that can be an entry. */
const LONGEST_LINE = 65_536;
/** The last microsecond that a Date can hold. */
const LAST_MICROSECOND = 8.64e18;
const LONGEST_FILE = 128;

/** An entry as one line, without a newline at the end. */
export function encodeEntry(entry: Entry): string {
  const at = entry.time.getTime() * 1_000 + (entry.micros ?? 0);
  if (entry.kind === "raw") {
    return JSON.stringify({ d: entry.dn, t: at, r: entry.text, n: entry.originalLength });
  }
  const { dn, severity, file, line, messages } = entry;
  return JSON.stringify({ d: dn, t: at, s: severity, f: file, l: line, m: messages });
}

/** The entry in a line, undefined if it is anything else; never throws. */
export function decodeEntry(line: string): Entry | undefined {
  if (line.length > LONGEST_LINE || !line.startsWith("{") || !line.endsWith("}")) return undefined;
  const fields = parseObject(line);
  if (fields === undefined) return undefined;
  const { d: dn, t: at } = fields;
  if (typeof dn !== "string" || !isDn(dn)) return undefined;
  if (!isCount(at, LAST_MICROSECOND)) return undefined;
  const place = { dn, ...moment(at) };
  return "r" in fields ? decodeRaw(fields, place) : decodeLeveled(fields, place);
}

type Fields = Readonly<Record<string, unknown>>;
type Place = Pick<Entry, "dn" | "time" | "micros">;

function decodeRaw({ r: text, n: originalLength }: Fields, place: Place): Entry | undefined {
  if (!isText(text) || !isCount(originalLength)) return undefined;
  return { kind: "raw", ...place, text, originalLength };
}

function decodeLeveled({ s, f: file, l: line, m }: Fields, place: Place): Entry | undefined {
  const severity = severities.find((each) => each === s);
  if (severity === undefined || !isCount(line)) return undefined;
  if (!isText(file) || file.length > LONGEST_FILE) return undefined;
  if (!Array.isArray(m) || m.length === 0) return undefined;
  const messages = m.filter(isText);
  if (messages.length !== m.length) return undefined;
  return { kind: "leveled", ...place, severity, file, line, messages };
}

function parseObject(line: string): Fields | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDn(dn: string): boolean {
  try {
    checkDn(dn);
    return true;
  } catch (error) {
    if (error instanceof DnError) return false;
    throw error;
  }
}

function isCount(value: unknown, limit: number = Number.MAX_SAFE_INTEGER): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= limit;
}

/** One line of well-formed text. */
function isText(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed() && !/[\r\n]/.test(value);
}
