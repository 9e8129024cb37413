// The version of what is built: that of package.json.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildSettings } from "./settings.ts";
import { BuildError } from "./stage.ts";

/** The version in the checkout's package.json. */
export async function readVersion({ checkout }: BuildSettings): Promise<string> {
  const text = await readFile(join(checkout, "package.json"), "utf8");
  const value: unknown = JSON.parse(text);
  const isObject = typeof value === "object" && value !== null && "version" in value;
  if (isObject && typeof value.version === "string") return value.version;
  throw new BuildError("package.json: has no version");
}
