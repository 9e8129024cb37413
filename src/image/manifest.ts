// The manifest of a bundle: what it holds, and of which version.
import { FormatError } from "../base/format/format.ts";

/** What a file of a bundle must be. */
export interface BundleFile {
  /** In bytes. */
  readonly size: number;
  /** In hexadecimal, lower case. */
  readonly sha256: string;
}

/** What the kernel needs to check the system image while it runs from it. */
export interface VerityManifest {
  /** In hexadecimal, 32 bytes. */
  readonly rootHash: string;
  /** In hexadecimal. */
  readonly salt: string;
  /** Blocks of 4 KiB before the hash tree. */
  readonly dataBlocks: number;
}

/** The manifest. */
export interface Manifest {
  readonly format: 1;
  /** Version of Metropolis. */
  readonly version: string;
  readonly arch: string;
  readonly files: Readonly<Record<string, BundleFile>>;
  readonly verity: VerityManifest;
}

const SHA256 = /^[0-9a-f]{64}$/;

/** Reads a manifest; throws a FormatError that names the field which is wrong. */
export function parseManifest(text: string): Manifest {
  const root = fieldsOf(parseJson(text), "manifest");
  // Asked first: of another format, nothing else can be expected to be understood.
  if (root.format !== 1) {
    throw new FormatError(`manifest: format is ${JSON.stringify(root.format)}, not 1`);
  }
  const files = Object.entries(fieldsOf(root.files, "files")).map(
    ([name, value]) => [name, parseFile(value, name)] as const,
  );
  return {
    format: 1,
    version: textOf(root.version, "version", /^[\w.+~-]{1,64}$/),
    arch: textOf(root.arch, "arch", /^\w{1,16}$/),
    files: Object.fromEntries(files),
    verity: parseVerity(root.verity),
  };
}

/** The manifest's text: the same bytes for the same content. */
export function formatManifest({ format, version, arch, files, verity }: Manifest): string {
  const sorted = Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const listed = sorted.map(([name, { size, sha256 }]) => [name, { size, sha256 }] as const);
  const { rootHash, salt, dataBlocks } = verity;
  const ordered = {
    format,
    version,
    arch,
    files: Object.fromEntries(listed),
    verity: { rootHash, salt, dataBlocks },
  };
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError("manifest: is not JSON", { cause });
  }
}

function parseFile(value: unknown, name: string): BundleFile {
  const fields = fieldsOf(value, name);
  return {
    size: countOf(fields.size, `${name}: size`),
    sha256: textOf(fields.sha256, `${name}: sha256`, SHA256),
  };
}

function parseVerity(value: unknown): VerityManifest {
  const fields = fieldsOf(value, "verity");
  return {
    rootHash: textOf(fields.rootHash, "verity: rootHash", SHA256),
    salt: textOf(fields.salt, "verity: salt", /^([0-9a-f]{2}){1,256}$/),
    dataBlocks: countOf(fields.dataBlocks, "verity: dataBlocks"),
  };
}

function fieldsOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FormatError(`manifest: ${what} is not an object`);
  }
  return { ...value };
}

function textOf(value: unknown, what: string, pattern: RegExp): string {
  if (typeof value === "string" && pattern.test(value)) return value;
  throw new FormatError(`manifest: ${what} is malformed`);
}

function countOf(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new FormatError(`manifest: ${what} is not a size`);
}
