// Picks files out of a tree of unpacked packages: those that globs name, what their links point at,
// and every library that the programs among them are linked with.
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { isElf, neededLibraries } from "../../base/format/elf.ts";
import { BuildError } from "./stage.ts";

/** Where Debian keeps libraries; its loader looks here without being told. */
export const LIBRARIES = "usr/lib/x86_64-linux-gnu";

/** A file of the selection, by its path below the root. */
export interface SelectedFile {
  readonly path: string;
  /** What a symbolic link points at; undefined for a regular file. */
  readonly target?: string;
}

/** The selected files of a tree, sorted by path; throws if a glob or library finds nothing. */
export async function selectFiles(
  root: string,
  globs: readonly string[],
): Promise<readonly SelectedFile[]> {
  const found = new Map<string, SelectedFile>();
  const queue: string[] = [];
  const all = await readdir(root, { recursive: true });
  for (const glob of globs) queue.push(...expand(all, glob));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) continue;
    const file = await readEntry(root, path);
    found.set(path, file);
    queue.push(...(await reached(root, file)));
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Matched by hand: Bun's own scan leaves out links whose target is missing on the host. */
function expand(all: readonly string[], glob: string): readonly string[] {
  const pattern = new Bun.Glob(glob);
  const paths = all.filter((path) => pattern.match(path));
  if (paths.length > 0) return paths;
  throw new BuildError(`files.txt: no package has ${glob}`);
}

async function readEntry(root: string, path: string): Promise<SelectedFile> {
  const file = join(root, path);
  const stat = await lstat(file);
  return stat.isSymbolicLink() ? { path, target: await readlink(file) } : { path };
}

/** What a file cannot do without: a link its target, a program its libraries. */
async function reached(root: string, { path, target }: SelectedFile): Promise<readonly string[]> {
  if (target !== undefined) {
    const isAbsolute = target.startsWith("/");
    return [normalize(isAbsolute ? target.slice(1) : join(dirname(path), target))];
  }
  const bytes = await readFile(join(root, path));
  if (!isElf(bytes)) return [];
  return neededLibraries(bytes).map((name) => join(LIBRARIES, name));
}
