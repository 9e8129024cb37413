// The etcd version that our Go module pins.
import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { moduleVersion } from "./etcd.ts";

test("moduleVersion reads the version that our go.mod pins", async () => {
  const path = fileURLToPath(new URL("../../../initramfs/components/etcd/go.mod", import.meta.url));
  expect(moduleVersion(await readFile(path, "utf8"))).toMatch(/^v3\.7\.\d+$/);
});

test("moduleVersion of a go.mod without etcd is unknown", () => {
  expect(moduleVersion("module x\n")).toBe("unknown");
});
