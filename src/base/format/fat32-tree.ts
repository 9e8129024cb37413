// Turns paths into directories of a FAT32 volume and gives everything its clusters.
import { type ByteSource, bytesSource } from "./byte-source.ts";
import { type Fat32Options, FIRST_CLUSTER, volumeLabel } from "./fat32-geometry.ts";
import {
  assignNames,
  ENTRY_SIZE,
  entryCount,
  type FatName,
  longNameEntries,
} from "./fat32-names.ts";
import { FormatError } from "./format.ts";

/** A file or directory with its place. */
export interface Placed {
  readonly path: string;
  readonly source: ByteSource;
  readonly isDirectory: boolean;
  /** The first cluster; 0 for a file without content. */
  readonly cluster: number;
  readonly clusters: number;
}

interface Node {
  readonly path: string;
  readonly parent: Node | undefined;
  /** Absent for directories. */
  readonly source: ByteSource | undefined;
  readonly children: Map<string, Node>;
  names: readonly FatName[];
  cluster: number;
  clusters: number;
}

const MAX_FILE_BYTES = 0xffffffff;
// A limit of the format: directories have at most 65,536 entries.
const MAX_DIRECTORY_BYTES = 65536 * ENTRY_SIZE;

const ATTRIBUTE = { label: 0x08, directory: 0x10, archive: 0x20 } as const;

/** Places the root directory first, then directories before the files in them. */
export function layOut(
  files: Readonly<Record<string, ByteSource>>,
  clusterBytes: number,
  options: Fat32Options,
): readonly Placed[] {
  const root = newNode("", undefined);
  for (const [path, source] of Object.entries(files)) insert(root, path, source);
  const nodes = flatten(root);
  let next = FIRST_CLUSTER;
  for (const node of nodes) {
    node.clusters = Math.ceil(sizeOf(node) / clusterBytes);
    node.cluster = node.clusters === 0 ? 0 : next;
    next += node.clusters;
  }
  return nodes.map((node) => placedNode(node, options));
}

function newNode(path: string, parent: Node | undefined, source?: ByteSource): Node {
  return { path, parent, source, children: new Map(), names: [], cluster: 0, clusters: 0 };
}

function insert(root: Node, path: string, source: ByteSource): void {
  if (source.size > MAX_FILE_BYTES) {
    throw new FormatError(`${path}: ${source.size} bytes are too many for a file on FAT32`);
  }
  const steps = path.split("/");
  const name = steps.pop() ?? "";
  let folder = root;
  let isBelowFile = false;
  for (const step of steps) {
    const known = folder.children.get(step) ?? newNode(join(folder, step), folder);
    // Anywhere on the way, not only at its end: what lies below a file is never written.
    isBelowFile ||= known.source !== undefined;
    folder.children.set(step, known);
    folder = known;
  }
  if (isBelowFile || folder.children.has(name)) {
    throw new FormatError(`${path}: is both a file and a directory`);
  }
  folder.children.set(name, newNode(path, folder, source));
}

function join(folder: Node, name: string): string {
  return folder.path === "" ? name : `${folder.path}/${name}`;
}

/** Directories in breadth, then files; sorted by name, so that the order given has no effect. */
function flatten(root: Node): readonly Node[] {
  const directories = [root];
  const files: Node[] = [];
  // The list grows while it is walked.
  for (const directory of directories) {
    const names = [...directory.children.keys()].toSorted();
    directory.names = assignNames(names);
    for (const child of names.map((name) => directory.children.get(name))) {
      if (child === undefined) continue;
      (child.source === undefined ? directories : files).push(child);
    }
  }
  return [...directories, ...files];
}

function sizeOf(node: Node): number {
  if (node.source !== undefined) return node.source.size;
  // The root has the label where others have themselves and their parent.
  const extra = node.parent === undefined ? 1 : 2;
  const entries = node.names.reduce((sum, name) => sum + entryCount(name), extra);
  if (entries * ENTRY_SIZE > MAX_DIRECTORY_BYTES) {
    throw new FormatError(`directory ${node.path} has too many files`);
  }
  return entries * ENTRY_SIZE;
}

function placedNode(node: Node, options: Fat32Options): Placed {
  const { path, cluster, clusters } = node;
  const isDirectory = node.source === undefined;
  const source = node.source ?? bytesSource(encodeDirectory(node, options));
  return { path, source, isDirectory, cluster, clusters };
}

function encodeDirectory(node: Node, options: Fat32Options): Uint8Array {
  const { modified, label } = options;
  const parts: Uint8Array[] = [];
  if (node.parent === undefined) {
    parts.push(encodeEntry(volumeLabel(label), ATTRIBUTE.label, 0, 0, modified));
  } else {
    // A parent that is the root is written as 0, wherever the root really is.
    const parent = node.parent.parent === undefined ? 0 : node.parent.cluster;
    parts.push(encodeEntry(dots("."), ATTRIBUTE.directory, node.cluster, 0, modified));
    parts.push(encodeEntry(dots(".."), ATTRIBUTE.directory, parent, 0, modified));
  }
  for (const name of node.names) {
    const child = node.children.get(name.long);
    if (child === undefined) continue;
    const attribute = child.source === undefined ? ATTRIBUTE.directory : ATTRIBUTE.archive;
    const size = child.source?.size ?? 0;
    parts.push(longNameEntries(name));
    parts.push(encodeEntry(name.short, attribute, child.cluster, size, modified));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function dots(name: string): Uint8Array {
  return new TextEncoder().encode(name.padEnd(11));
}

function encodeEntry(
  short: Uint8Array,
  attribute: number,
  cluster: number,
  size: number,
  modified: Date,
): Uint8Array {
  const entry = new Uint8Array(ENTRY_SIZE);
  const view = new DataView(entry.buffer);
  const { date, time } = fatTime(modified);
  entry.set(short);
  entry[11] = attribute;
  view.setUint16(14, time, true);
  view.setUint16(16, date, true);
  view.setUint16(18, date, true);
  view.setUint16(20, cluster >>> 16, true);
  view.setUint16(22, time, true);
  view.setUint16(24, date, true);
  view.setUint16(26, cluster & 0xffff, true);
  view.setUint32(28, size, true);
  return entry;
}

function fatTime(time: Date): { date: number; time: number } {
  const year = time.getUTCFullYear();
  if (!(year >= 1980 && year <= 2107)) {
    throw new FormatError(`FAT has no way to say the year ${year}`);
  }
  return {
    date: ((year - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate(),
    time: (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1),
  };
}
