// What is on the ESP of a node that was just installed.
import { type ByteSource, bytesSource } from "../base/format/byte-source.ts";
import { BUNDLE_FILES } from "./bundle.ts";
import { ESP_PATHS } from "./paths.ts";
import { kernelPath } from "./slots.ts";

/**
 * How systemd-boot behaves: it starts the newest kernel image at once.
 *
 * It looks at no key: with a menu, whoever is at the console could choose an entry of his own, or
 * the older of two images. The editor would let him change the kernel's command line where Secure
 * Boot is off, and entries it finds by itself could lead to other systems.
 */
export const LOADER_CONFIGURATION = [
  "timeout menu-disabled",
  "editor no",
  "auto-entries no",
  "auto-firmware no",
  "secure-boot-enroll off",
  "",
].join("\n");

/**
 * The files by path.
 *
 * `source` gives files of the bundle; `parameters` are the node's parameters, as the installer
 * medium has them.
 */
export function espFiles(
  source: (name: string) => ByteSource,
  parameters: Uint8Array,
): Readonly<Record<string, ByteSource>> {
  return {
    [ESP_PATHS.loader]: source(BUNDLE_FILES.loader),
    [ESP_PATHS.loaderConfiguration]: bytesSource(new TextEncoder().encode(LOADER_CONFIGURATION)),
    [kernelPath("a")]: source(BUNDLE_FILES.kernel),
    [ESP_PATHS.parameters]: bytesSource(parameters),
  };
}
