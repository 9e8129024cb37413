// A small but complete bundle, for the tests of whoever reads bundles.
import { createHash } from "node:crypto";
import { memoryDevice } from "../base/format/block-device.ts";
import { bytesSource } from "../base/format/byte-source.ts";
import { writeZip, zipSize } from "../base/format/zip-writer.ts";
import { BUNDLE_FILES } from "./bundle.ts";
import { formatManifest, type Manifest } from "./manifest.ts";

/** The files of {@link testBundle}; sizes that are no multiple of anything. */
export const TEST_FILES: Readonly<Record<string, Uint8Array>> = {
  [BUNDLE_FILES.system]: new Uint8Array(3 * 2 ** 20 + 4096).map((_, at) => (at * 31) >> 7),
  [BUNDLE_FILES.kernel]: new TextEncoder().encode("the node's kernel"),
  [BUNDLE_FILES.loader]: new TextEncoder().encode("systemd-boot"),
  [BUNDLE_FILES.installer]: new Uint8Array(1_234_567).fill(0x42),
};

/** The manifest that fits {@link TEST_FILES}. */
export function testManifest(): Manifest {
  const files = Object.entries(TEST_FILES).map(([name, bytes]) => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return [name, { size: bytes.length, sha256 }] as const;
  });
  return {
    format: 1,
    version: "0.1.0-test",
    arch: "x86_64",
    files: Object.fromEntries(files),
    verity: { rootHash: "0123456789abcdef".repeat(4), salt: "00ff".repeat(8), dataBlocks: 768 },
  };
}

/** The bytes of a bundle, with files or the manifest changed as a test wants them. */
export async function testBundle(
  changes: Readonly<Record<string, Uint8Array | undefined>> = {},
): Promise<Uint8Array> {
  const manifest = new TextEncoder().encode(formatManifest(testManifest()));
  const contents = { [BUNDLE_FILES.manifest]: manifest, ...TEST_FILES, ...changes };
  // A change to undefined leaves the file out.
  const inputs = Object.entries(contents).flatMap(([name, bytes]) =>
    bytes === undefined ? [] : [{ name, source: bytesSource(bytes) }],
  );
  const device = memoryDevice(zipSize(inputs));
  await writeZip(device, inputs);
  return device.read(0, device.size);
}
