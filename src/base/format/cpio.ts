// cpio archives in the "newc" format, which the kernel unpacks as its initramfs. Deterministic:
// everything belongs to root, has no time, and lies in the order given.
import { FormatError } from "./format.ts";

const TYPE_BITS = { folder: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const;

/** An entry of an archive, by its path without a leading slash; folders before what they hold. */
export type CpioEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode?: number }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode?: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | {
      readonly kind: "device";
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

const NAME_END = "TRAILER!!!";

/** The bytes of an archive. */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const seen = new Set<string>();
  const parts = entries.flatMap((entry, index) => {
    if (entry.path === "" || entry.path.startsWith("/") || seen.has(entry.path)) {
      throw new FormatError(`cpio: path "${entry.path}" is empty, absolute or there twice`);
    }
    seen.add(entry.path);
    return record(entry.path, index + 1, modeOf(entry), contentOf(entry), deviceOf(entry));
  });
  return Buffer.concat([...parts, ...record(NAME_END, 0, 0, new Uint8Array(), [0, 0])]);
}

function modeOf(entry: CpioEntry): number {
  switch (entry.kind) {
    case "folder":
      return TYPE_BITS.folder | (entry.mode ?? 0o755);
    case "file":
      return TYPE_BITS.file | (entry.mode ?? 0o644);
    case "link":
      return TYPE_BITS.link | 0o777;
    case "device":
      return TYPE_BITS.device | 0o600;
  }
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === "file") return entry.bytes;
  return entry.kind === "link" ? new TextEncoder().encode(entry.target) : new Uint8Array();
}

function deviceOf(entry: CpioEntry): readonly [number, number] {
  return entry.kind === "device" ? [entry.major, entry.minor] : [0, 0];
}

/** Header and name, then content, each filled up to four bytes. */
function record(
  path: string,
  inode: number,
  mode: number,
  content: Uint8Array,
  [major, minor]: readonly [number, number],
): readonly Uint8Array[] {
  const name = new TextEncoder().encode(`${path}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, major, minor, name.length, 0];
  const digits = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  const header = new TextEncoder().encode(`070701${digits}`);
  return [padded(Buffer.concat([header, name])), padded(content)];
}

function padded(bytes: Uint8Array): Uint8Array {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, new Uint8Array(4 - rest)]);
}
