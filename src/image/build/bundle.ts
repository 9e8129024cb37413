// The bundle: everything a node is installed from or updated to, in one file.
import { join } from "node:path";
import { BUNDLE_FILES } from "../bundle.ts";
import { writeBundle } from "../bundle-writer.ts";
import type { BuildSettings } from "./settings.ts";
import type { Stage } from "./stage.ts";
import { readVerity } from "./system.ts";
import { readVersion } from "./version.ts";

/** Makes `bundle.zip`. */
export function bundleStage(settings: BuildSettings): Stage {
  return {
    name: "bundle",
    summary: "the bundle: system image, kernel images and boot loader with a manifest",
    needs: ["system", "uki", "systemd-boot", "installer"],
    code: import.meta.path,
    inputs: async () => [await readVersion(settings)],
    async make({ folder, result }) {
      await writeBundle(join(folder, "bundle.zip"), {
        version: await readVersion(settings),
        arch: "x86_64",
        verity: await readVerity(result("system")),
        files: {
          [BUNDLE_FILES.system]: join(result("system"), "system.img"),
          [BUNDLE_FILES.kernel]: join(result("uki"), "metropolis.efi"),
          [BUNDLE_FILES.loader]: join(result("systemd-boot"), "systemd-boot.efi"),
          [BUNDLE_FILES.installer]: join(result("installer"), "installer.efi"),
        },
      });
    },
    output: "bundle.zip",
    links: { "bundle.zip": "bundle.zip" },
  };
}
