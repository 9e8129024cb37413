// Stand-ins for third-party stages, for tests: a stub, a kernel and libraries of a few bytes, in the
// places where the real stages put theirs.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseGuid } from "../../base/format/guid.ts";
import { tinyPe } from "../../base/format/test-pe.ts";
import type { Stage } from "./stage.ts";

/** The content of files by path. */
export type TestFiles = Readonly<Record<string, string | Uint8Array>>;

/** A stage whose result is these files. */
export function filesStage(name: string, files: TestFiles): Stage {
  return {
    name,
    summary: "",
    needs: [],
    code: import.meta.path,
    inputs: async () => [],
    async make({ folder }) {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
    },
  };
}

/** A kernel image that says which release it is. */
export function tinyKernel(release: string): Uint8Array {
  const image = new Uint8Array(0x800);
  new DataView(image.buffer).setUint16(0x20e, 0x300, true);
  image.set(new TextEncoder().encode(`${release} (builder) #1\0`), 0x500);
  return image;
}

/** A flash file with an empty store of variables. */
export function blankFlash(): Uint8Array {
  const flash = new Uint8Array(32_768).fill(0xff);
  flash.set(parseGuid("aaf32c78-947b-439a-a180-2e144ec37792"), 0x48);
  new DataView(flash.buffer).setUint32(0x48 + 16, 30_000, true);
  return flash;
}

const LIBRARIES = ["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"];

/** The stages below the kernel images, small enough to be made in every test. */
export function testStages(): readonly Stage[] {
  const boot = "root/usr/lib/systemd/boot/efi";
  const ovmf = "root/usr/share/OVMF";
  const libraries = LIBRARIES.map((name) => [`root/usr/lib/x86_64-linux-gnu/${name}`, name]);
  const verity = { rootHash: "ab".repeat(32), salt: "cd".repeat(32), dataBlocks: 25 };
  return [
    filesStage("kernel", { bzImage: tinyKernel("6.12.1-test") }),
    filesStage("host", {
      [`${boot}/linuxx64.efi.stub`]: tinyPe(new TextEncoder().encode("stub")),
      [`${boot}/systemd-bootx64.efi`]: tinyPe(new TextEncoder().encode("boot")),
      [`${ovmf}/OVMF_CODE_4M.secboot.fd`]: "firmware",
      [`${ovmf}/OVMF_VARS_4M.fd`]: blankFlash(),
    }),
    filesStage("packages", {
      ...Object.fromEntries(libraries),
      "root/usr/lib64/ld-linux-x86-64.so.2": "loader",
    }),
    filesStage("executable", { metropolis: "the executable" }),
    filesStage("system", { "system.img": "the system", "verity.json": JSON.stringify(verity) }),
  ];
}
