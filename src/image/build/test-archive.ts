// A small Debian archive in a folder, for tests: real packages, read by the real apt.
import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256File } from "./debian.ts";
import { host } from "./host.ts";

/** A package to put into the archive: the files it installs, by path. */
export interface TestPackage {
  readonly name: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Makes the archive, or one with other packages in its place; returns apt's source for it. */
export async function testArchive(
  folder: string,
  packages: readonly TestPackage[],
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const records: string[] = [];
  for (const one of packages) records.push(await makePackage(folder, one));
  await writeFile(join(folder, "Packages"), records.join("\n"));
  return `Types: deb\nURIs: file:${folder}\nSuites: ./\nTrusted: yes\n`;
}

/** Builds a package; returns its record for the index. */
async function makePackage(folder: string, one: TestPackage): Promise<string> {
  const control = [
    `Package: ${one.name}`,
    `Version: ${one.version}`,
    "Architecture: amd64",
    "Maintainer: nobody <nobody@example.org>",
    "Description: made for a test",
  ].join("\n");
  const file = `${one.name}_${one.version}_amd64.deb`;
  const tree = join(folder, "trees", file);
  await writeTree(tree, { "DEBIAN/control": `${control}\n`, ...one.files });
  // Made again from the same files, a package must have the same hash.
  const env = { SOURCE_DATE_EPOCH: "0" };
  await host(["dpkg-deb", "--root-owner-group", "-b", tree, join(folder, file)], { env });
  const { size } = await stat(join(folder, file));
  const sha256 = await sha256File(join(folder, file));
  return `${control}\nFilename: ./${file}\nSize: ${size}\nSHA256: ${sha256}\n`;
}

async function writeTree(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, text);
  }
  // dpkg-deb refuses a control folder that others may write to.
  await chmod(join(root, "DEBIAN"), 0o755);
}
