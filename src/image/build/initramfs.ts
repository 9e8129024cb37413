// The initramfs of the installer: our executable as /init, the C library, and nothing else.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CpioEntry, cpioArchive } from "../../base/format/cpio.ts";
import { type SelectedFile, selectFiles } from "./select.ts";
import { skeleton } from "./skeleton.ts";

/**
 * The firmware reads and hashes the archive once per installation, so size counts less than on
 * nodes; the highest levels take a minute for 2 MB.
 */
const LEVEL = 12;
const QUICK_LEVEL = 1;

/** The loader and the libraries that the executable is linked with. */
const LIBRARIES = [
  "usr/lib64/ld-linux-x86-64.so.2",
  "usr/lib/x86_64-linux-gnu/libc.so.6",
  "usr/lib/x86_64-linux-gnu/libdl.so.2",
  "usr/lib/x86_64-linux-gnu/libm.so.6",
  "usr/lib/x86_64-linux-gnu/libpthread.so.0",
];

/** The kernel opens this for PID 1 before anything is mounted. */
const CONSOLE = { kind: "device", path: "dev/console", major: 5, minor: 1 } as const;

/** The compressed archive, from a root with Debian's files and the executable. */
export async function installerArchive(
  root: string,
  executable: string,
  isQuick = false,
): Promise<Uint8Array> {
  const libraries = await selectFiles(root, LIBRARIES);
  const archive = cpioArchive([
    ...skeleton,
    CONSOLE,
    ...(await Promise.all(libraries.map((file) => entryOf(root, file)))),
    { kind: "file", path: "init", mode: 0o755, bytes: await readFile(executable) },
  ]);
  // Bun's own compressor, as its version is pinned: the host's would be another input.
  return Bun.zstdCompress(archive, { level: isQuick ? QUICK_LEVEL : LEVEL });
}

async function entryOf(root: string, { path, target }: SelectedFile): Promise<CpioEntry> {
  if (target !== undefined) return { kind: "link", path, target };
  return { kind: "file", path, mode: 0o755, bytes: await readFile(join(root, path)) };
}
