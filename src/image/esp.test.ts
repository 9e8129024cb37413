// What a fresh node's ESP holds, file by file.
import { expect, test } from "bun:test";
import { bytesSource, readAll } from "../base/format/byte-source.ts";
import { espFiles } from "./esp.ts";

const encoder = new TextEncoder();
// A bundle in which every file is its own name.
const files = espFiles((name) => bytesSource(encoder.encode(name)), encoder.encode("parameters"));

async function content(path: string): Promise<string> {
  const source = files[path];
  if (source === undefined) throw new Error(`no ${path}`);
  return new TextDecoder().decode(await readAll(source, path, 1000));
}

test("espFiles puts a loader where firmware looks", async () => {
  expect(await content("EFI/BOOT/BOOTX64.EFI")).toBe("systemd-boot.efi");
});

test("espFiles gives the kernel of slot A three attempts", async () => {
  expect(await content("EFI/Linux/metropolis-a+3.efi")).toBe("metropolis.efi");
});

test("espFiles hands the parameters on", async () => {
  expect(await content("metropolis/parameters.pb")).toBe("parameters");
});

test("espFiles lets nobody at the console change how the system starts", async () => {
  const lines = (await content("loader/loader.conf")).trimEnd().split("\n");
  expect(lines).toContain("timeout menu-disabled");
  expect(lines).toContain("editor no");
  // A key and a value each, or systemd-boot ignores the line.
  expect(lines.every((line) => /^[a-z-]+ [a-z-]+$/.test(line))).toBeTrue();
});

test("espFiles puts nothing else there", () => {
  expect(Object.keys(files).length).toBe(4);
});
