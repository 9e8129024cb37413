// The generated code in src/gen must be what the files in proto/ give today.
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

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

test("src/gen is fresh: `bun run generate` would change nothing", () => {
  const scratch = mkdtempSync(join(tmpdir(), "metropolis-gen-"));
  try {
    const buf = Bun.spawnSync(
      [
        join(repository, "node_modules/.bin/buf"),
        ...["generate", "proto", "--template", "proto/buf.gen.yaml", "--output", scratch],
      ],
      { cwd: repository },
    );
    expect(buf.stderr.toString()).toBe("");
    const fresh = contents(join(scratch, "src/gen"));
    const committed = contents(join(repository, "src/gen"));
    // Names first: a list of files reads better than a whole missing file.
    expect([...committed.keys()].sort()).toEqual([...fresh.keys()].sort());
    for (const [path, text] of fresh) expect([path, committed.get(path)]).toEqual([path, text]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}, 60_000);
