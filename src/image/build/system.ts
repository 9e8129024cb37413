// The system image: the root file system of a node, compressed, read-only, with the hash tree that
// lets the kernel verify each block when it is read.
import { createHash } from "node:crypto";
import {
  chmod,
  copyFile,
  cp,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { verityTree } from "../../base/format/verity-tree.ts";
import type { VerityManifest } from "../manifest.ts";
import { POLICY_KEYS_FILE } from "../paths.ts";
import { sha256File } from "./debian.ts";
import { policyKeysOf } from "./keys.ts";
import { hostTool } from "./packages.ts";
import type { BuildSettings } from "./settings.ts";
import { osRelease, skeleton, writeEntries } from "./skeleton.ts";
import type { Stage } from "./stage.ts";
import { readVersion } from "./version.ts";

/**
 * Level 9 and clusters of 128 KiB: 12 s for 51.5 MB. Higher levels take minutes for 2 % less, and
 * larger clusters slow down every first read.
 */
const LEVEL = 9;
const QUICK_LEVEL = 1;
const EROFS_FLAGS = ["-C131072", "-T0", "--all-root", "-x-1", "--quiet"];
/** Fixed, as the file system is known by the partition that holds it. */
const EROFS_ID = "6d657472-6f70-4f6c-8973-73797374656d";

/** Makes `system.img` and `verity.json`. */
export function systemStage(settings: BuildSettings): Stage {
  const fixed = join(settings.checkout, "initramfs", "root");
  return {
    name: "system",
    summary: "the system image: erofs with a verity tree behind it",
    needs: ["executable", "etcd", "packages", "host"],
    code: import.meta.path,
    inputs: async () => [
      await readVersion(settings),
      compression(settings),
      ...(await treeInputs(fixed)),
      await policyPems(settings),
    ],
    async make({ folder, result, note }) {
      const root = await mkdtemp(join(settings.cache, ".system-root-"));
      try {
        await writeEntries(root, skeleton);
        await cp(fixed, root, CP_TREE);
        await writeFile(join(root, "etc/os-release"), osRelease(await readVersion(settings)));
        await writeFile(join(root, POLICY_KEYS_FILE), await policyPems(settings));
        await cp(join(result("packages"), "root"), root, CP_TREE);
        await copyProgram(join(result("executable"), "metropolis"), join(root, "init"));
        await copyProgram(join(result("etcd"), "etcd"), join(root, "usr/bin/etcd"));
        await symlink("etcd", join(root, "usr/bin/etcdutl"));
        // mkdtemp made it private; as the root folder it must be open to all programs.
        await chmod(root, 0o755);
        const image = join(folder, "system.img");
        const flags = [compression(settings), ...EROFS_FLAGS, `-U${EROFS_ID}`];
        const tools = join(result("host"), "root");
        await hostTool(tools, "usr/bin/mkfs.erofs", [...flags, image, root]);
        const { rootHash } = await appendVerity(folder, image);
        note(`Root hash ${rootHash}`);
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    },
    output: "system.img",
    links: { "system.img": "system.img", "verity.json": "verity.json" },
  };
}

/** Whom this system's TPM may trust, the newest last. */
async function policyPems(settings: BuildSettings): Promise<string> {
  return (await policyKeysOf(settings)).map(({ pem }) => pem).join("");
}

/** Links stay links, and those Debian ships twice (/usr/lib64) are the same both times. */
const CP_TREE = { recursive: true, verbatimSymlinks: true } as const;

function compression({ isQuick }: BuildSettings): string {
  return `-zzstd,level=${isQuick ? QUICK_LEVEL : LEVEL}`;
}

async function copyProgram(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o755);
}

/** Puts the hash tree behind the image and says in `verity.json` how to check it. */
export async function appendVerity(folder: string, path: string): Promise<VerityManifest> {
  const image = await readFile(path);
  // The salt only has to differ between images; from the image itself, it is the same every time.
  const salt = createHash("sha256").update(image).digest();
  const { tree, rootHash, dataBlocks } = verityTree(image, salt);
  await writeFile(path, tree, { flag: "a" });
  const verity = { rootHash: rootHash.toHex(), salt: salt.toHex(), dataBlocks };
  await writeFile(join(folder, "verity.json"), `${JSON.stringify(verity, null, 2)}\n`);
  return verity;
}

/** Reads what the system stage said about its hash tree. */
export async function readVerity(systemFolder: string): Promise<VerityManifest> {
  return JSON.parse(await readFile(join(systemFolder, "verity.json"), "utf8"));
}

/** Paths and contents of a folder, as stage inputs. */
export async function treeInputs(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name));
  const sorted = paths.sort();
  return Promise.all(
    sorted.map(async (path) => `${path.slice(folder.length)} ${await sha256File(path)}`),
  );
}
