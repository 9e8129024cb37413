// A bundle: one zip with everything that an installation or an update needs, and a manifest that
// says what each file must be.
//
// A bundle is only trusted as far as its manifest, and the manifest as far as whoever handed the
// bundle over. What a node boots is checked by its firmware anyway; the hashes are there to notice
// a damaged download or a bad medium, and to say so.
import { type BlockReader, fileDevice, memoryDevice } from "../base/format/block-device.ts";
import { type ByteSource, readAll } from "../base/format/byte-source.ts";
import { FormatError } from "../base/format/format.ts";
import { openZip, type ZipArchive } from "../base/format/zip.ts";
import { ImageError } from "./image-error.ts";
import { type BundleFile, type Manifest, parseManifest } from "./manifest.ts";
import { type Progress, reportSteps } from "./progress.ts";
import { sha256Of } from "./sha256.ts";

/** Names of the files in a bundle. */
export const BUNDLE_FILES = {
  manifest: "manifest.json",
  /** The system partition's content: erofs and its verity tree. */
  system: "system.img",
  /** The node's unified kernel image, signed. */
  kernel: "metropolis.efi",
  /** systemd-boot, signed. */
  loader: "systemd-boot.efi",
  /** The installer's unified kernel image, signed. */
  installer: "installer.efi",
} as const;

const REQUIRED = [
  BUNDLE_FILES.system,
  BUNDLE_FILES.kernel,
  BUNDLE_FILES.loader,
  BUNDLE_FILES.installer,
];

const MAX_MANIFEST_BYTES = 1 << 20;

/** An open bundle. Close it with `await using`. */
export interface Bundle extends AsyncDisposable {
  readonly manifest: Manifest;
  /** What the manifest says of a file. */
  file(name: string): BundleFile;
  /** A file's content, not compared with the manifest. */
  source(name: string): ByteSource;
  /**
   * Reads every file, or only those named, and throws an ImageError at the first that is not as
   * listed.
   */
  verify(progress?: Progress, names?: readonly string[]): Promise<void>;
}

/** What a person does about a damaged bundle who has downloaded it. */
const DOWNLOAD_AGAIN = "download the bundle again";

/** Opens a bundle file; `advice` ends what is said where it is damaged. */
export async function openBundle(path: string, advice = DOWNLOAD_AGAIN): Promise<Bundle> {
  const device = await fileDevice(path).catch((cause: unknown) => {
    throw new ImageError(`open bundle ${path}`, { cause });
  });
  try {
    return await readBundle(device, { path, advice }, async () => {
      await device[Symbol.asyncDispose]();
    });
  } catch (error) {
    await device[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens a bundle whose bytes are in memory. */
export function openBundleBytes(bytes: Uint8Array, name = "bundle"): Promise<Bundle> {
  const origin = { path: name, advice: DOWNLOAD_AGAIN };
  return readBundle(memoryDevice(bytes.length, bytes), origin, async () => {});
}

/** Where a bundle comes from, for messages. */
interface Origin {
  readonly path: string;
  readonly advice: string;
}

async function readBundle(
  device: BlockReader,
  origin: Origin,
  close: () => Promise<void>,
): Promise<Bundle> {
  try {
    const zip = await openZip(device);
    const manifest = await readManifest(zip);
    checkContents(zip, manifest);
    return bundleOf(zip, manifest, origin, close);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    const { path, advice } = origin;
    throw new ImageError(`${path} is not a sound bundle: ${cause.message}: ${advice}`);
  }
}

function bundleOf(
  zip: ZipArchive,
  manifest: Manifest,
  origin: Origin,
  close: () => Promise<void>,
): Bundle {
  const file = (name: string) => {
    const listed = listedFile(manifest, name);
    if (listed === undefined) throw new ImageError(`${origin.path}: ${name}: not in the manifest`);
    return listed;
  };
  return {
    manifest,
    file,
    source: (name) => zip.source(name),
    async verify(progress = () => {}, names = Object.keys(manifest.files)) {
      const total = names.reduce((sum, name) => sum + file(name).size, 0);
      const report = reportSteps(progress, "Verifying bundle", total);
      for (const name of names) {
        await verifyFile(origin, name, file(name), zip.source(name), report);
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

async function readManifest(zip: ZipArchive): Promise<Manifest> {
  const name = BUNDLE_FILES.manifest;
  const bytes = await readAll(zip.source(name), name, MAX_MANIFEST_BYTES);
  return parseManifest(new TextDecoder().decode(bytes));
}

/** Archive and manifest must name the same files, of the same sizes. */
function checkContents({ entries }: ZipArchive, manifest: Manifest): void {
  const sizes = new Map(entries.map(({ name, size }) => [name, size]));
  for (const name of REQUIRED) {
    if (!listedFile(manifest, name)) throw new FormatError(`${name}: not in the manifest`);
  }
  for (const [name, { size }] of Object.entries(manifest.files)) {
    const actual = sizes.get(name);
    if (actual === undefined) throw new FormatError(`${name}: missing`);
    if (actual !== size) {
      throw new FormatError(`${name}: size is ${actual}, manifest says ${size}`);
    }
  }
  for (const { name } of entries) {
    if (!listedFile(manifest, name) && name !== BUNDLE_FILES.manifest) {
      throw new FormatError(`${name}: not in the manifest`);
    }
  }
}

/** Names come from outside: `constructor` must not find what every object has. */
function listedFile({ files }: Manifest, name: string): BundleFile | undefined {
  return Object.hasOwn(files, name) ? files[name] : undefined;
}

async function verifyFile(
  { path, advice }: Origin,
  name: string,
  { sha256 }: BundleFile,
  source: ByteSource,
  report: (bytes: number) => void,
): Promise<void> {
  const actual = await sha256Of(source, report).catch((error: unknown) => {
    // Whoever hears of progress may throw as well: that is none of ours.
    if (!(error instanceof FormatError || isSystemError(error))) throw error;
    throw new ImageError(`${path}: ${name}: damaged (${error.message}): ${advice}`);
  });
  if (actual === sha256) return;
  throw new ImageError(`${path}: ${name}: sha256 is ${actual}, manifest says ${sha256}: ${advice}`);
}

/** As of a stick that cannot be read in one place. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "code" in error;
}
