// Sizes as people write them: `4G`, `512M`, always in powers of 1024.
import { FormatError } from "./format.ts";

const UNITS = ["", "K", "M", "G", "T", "P"] as const;
const PATTERN = /^(\d+(?:\.\d+)?)\s*([KMGTP]?)(?:i?B)?$/i;

/** The number of bytes in `512M`, `1.5G`, `4GiB` or `4096`. */
export function parseSize(text: string): number {
  const [, digits = "", letter = ""] = PATTERN.exec(text.trim()) ?? [];
  const power = UNITS.map(String).indexOf(letter.toUpperCase());
  const bytes = Number(digits) * 1024 ** power;
  if (digits === "" || !Number.isSafeInteger(bytes)) {
    throw new FormatError(
      `size ${JSON.stringify(text)} is not a number of bytes such as 512M or 4G`,
    );
  }
  return bytes;
}

/** A size for people: the largest unit that leaves at least 1, with one decimal where needed. */
export function formatSize(bytes: number): string {
  const wanted = bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10);
  const power = Math.min(Math.max(wanted, 0), UNITS.length - 1);
  const value = bytes / 1024 ** power;
  if (power === 0) return `${bytes} B`;
  return `${Number(value.toFixed(1))} ${UNITS[power]}iB`;
}
