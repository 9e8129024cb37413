// JSON files of our own, which a full disk or a power cut may have left half written.
import { existsSync, readFileSync } from "node:fs";

/** What a file holds; undefined when there is none, or when it is no JSON. */
export function readJson(file: string): unknown {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
