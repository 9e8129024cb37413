// Makes a bundle from the files that a build has left.
import { type ByteSource, bytesSource, fileSource } from "../base/format/byte-source.ts";
import { writeZip, zipSize } from "../base/format/zip-writer.ts";
import { BUNDLE_FILES } from "./bundle.ts";
import { type BundleFile, formatManifest, type Manifest, type VerityManifest } from "./manifest.ts";
import { type Progress, reportSteps } from "./progress.ts";
import { replaceFile } from "./replace-file.ts";
import { sha256Of } from "./sha256.ts";

/** What to put into a bundle. */
export interface BundleInput {
  readonly version: string;
  readonly arch: string;
  readonly verity: VerityManifest;
  /** Paths of the files by their names in the bundle; see `BUNDLE_FILES`. */
  readonly files: Readonly<Record<string, string>>;
}

/** Writes a bundle; the same files give the same bytes. */
export async function writeBundle(
  path: string,
  input: BundleInput,
  progress: Progress = () => {},
): Promise<Manifest> {
  const names = Object.keys(input.files).toSorted();
  const sources = new Map<string, ByteSource>();
  for (const name of names) sources.set(name, await fileSource(input.files[name] ?? ""));
  const { version, arch, verity } = input;
  const files = await describe(sources, progress);
  const manifest: Manifest = { format: 1, version, arch, files, verity };
  const text = new TextEncoder().encode(formatManifest(manifest));
  const inputs = [
    { name: BUNDLE_FILES.manifest, source: bytesSource(text) },
    ...[...sources].map(([name, source]) => ({ name, source })),
  ];
  const size = zipSize(inputs);
  const report = reportSteps(progress, "Writing bundle", size);
  await replaceFile(path, { size }, (device) =>
    writeZip(device, inputs, (chunk) => report(chunk.length)),
  );
  return manifest;
}

async function describe(
  sources: ReadonlyMap<string, ByteSource>,
  progress: Progress,
): Promise<Record<string, BundleFile>> {
  const total = [...sources.values()].reduce((sum, { size }) => sum + size, 0);
  const report = reportSteps(progress, "Hashing files", total);
  const files: Record<string, BundleFile> = {};
  for (const [name, source] of sources) {
    files[name] = { size: source.size, sha256: await sha256Of(source, report) };
  }
  return files;
}
