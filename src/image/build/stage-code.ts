// The code of stages, as an input of their results: what is bundled of a stage's file and all that
// it imports, without comments and layout, so that only a change that could change bytes costs time.
import { createHash } from "node:crypto";
import { BuildError } from "./stage.ts";

/** A digest of the code of each file, by path. Throws {@link BuildError} where one does not bundle. */
export async function codeDigests(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const unique = [...new Set(paths)];
  const digests = await Promise.all(unique.map(codeDigest));
  return new Map(unique.map((path, at) => [path, digests[at] ?? ""]));
}

async function codeDigest(path: string): Promise<string> {
  const minify = { whitespace: true, syntax: true };
  const { outputs, success, logs } = await Bun.build({
    entrypoints: [path],
    target: "bun",
    minify,
    throw: false,
  });
  if (!success) throw new BuildError(`${path}: does not bundle: ${logs.join("; ")}`);
  const hash = createHash("sha256");
  for (const output of outputs) hash.update(await output.text());
  return hash.digest("hex");
}
