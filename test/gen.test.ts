// The generated code in src/gen, and the handbook's chapter Cluster API, must be what the
// files in proto/ give today.
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { generate } from "../proto/generate.ts";

const repository = join(import.meta.dir, "..");

/** All files below a folder, by path relative to it. */
function contents(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, entry);
    if (statSync(path).isFile()) files.set(relative(folder, path), readFileSync(path, "utf8"));
  }
  return files;
}

test("code and chapter are fresh: `bun run generate` would change nothing", () => {
  const scratch = mkdtempSync(join(tmpdir(), "metropolis-gen-"));
  try {
    generate(scratch);
    const fresh = contents(join(scratch, "src/gen"));
    const committed = contents(join(repository, "src/gen"));
    // Names first: a list of files reads better than a whole missing file.
    expect([...committed.keys()].sort()).toEqual([...fresh.keys()].sort());
    for (const [path, text] of fresh) expect([path, committed.get(path)]).toEqual([path, text]);
    const chapter = "src/handbook/cluster-api.md";
    const [made, kept] = [scratch, repository].map((top) =>
      readFileSync(join(top, chapter), "utf8"),
    );
    expect(kept).toBe(made ?? "");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
