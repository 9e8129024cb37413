// The attacker can write to the ESP: he has the disk, or was root once. He adds what the boot
// loader and the stub take from there beside the signed image, and wants his own program to
// be PID 1 with the node's keys.
import { expect, test } from "bun:test";
import type { Machine } from "../../../src/launcher/launcher.ts";
import { bootAttacked, expectLocked, expectNotBooted, expectUnmoved } from "./attacked-boot.ts";
import { type EspFiles, imageOn, plant } from "./esp.ts";
import { addon, type Foreign, FROM_ESP, foreignImage, makeForeign } from "./foreign.ts";

/** The folders in which a stub looks for more, whether it counts boots in the name or not. */
function besides(image: string, files: EspFiles): EspFiles {
  const folders = [image, image.replace(/\+[\d-]+/, "")].map((name) => `EFI/Linux/${name}.extra.d`);
  return Object.fromEntries(
    folders.flatMap((folder) =>
      Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]),
    ),
  );
}

/** A loader entry that comes before all others, and that the loader is told to take. */
function firstEntry(lines: readonly string[]): EspFiles {
  const entry = ["title Newer", "sort-key a", "version 999", ...lines, ""];
  return {
    "loader/entries/zz.conf": entry.join("\n"),
    "loader/loader.conf": "timeout 0\neditor no\ndefault zz.conf\n",
  };
}

/** The program and a folder for devices, for a kernel that takes the ESP for its system. */
async function plantAll({ files }: Machine, { program }: Foreign, more: EspFiles): Promise<void> {
  await plant(files.disk, { foreign: program, "dev/": "", ...more });
}

/** Registers the tests. */
export function espWriterAddsParts(): void {
  test("addons that are not signed, or by a stranger, change nothing", async () => {
    const foreign = await makeForeign("addons");
    const unsigned = addon(FROM_ESP);
    const strange = foreign.sign(unsigned);
    await bootAttacked(
      "addons",
      async (machine) => {
        const addons = { "a.addon.efi": unsigned, "b.addon.efi": strange };
        await plantAll(machine, foreign, {
          ...besides(await imageOn(machine.files.disk), addons),
          "loader/addons/c.addon.efi": unsigned,
          "loader/addons/d.addon.efi": strange,
        });
      },
      expectUnmoved,
    );
  });

  test("an addon that the owner himself signed reaches neither kernel nor keys", async () => {
    const foreign = await makeForeign("own-addon");
    await bootAttacked(
      "own-addon",
      async (machine) => {
        const own = foreign.signAsOwner(addon(FROM_ESP));
        await plantAll(machine, foreign, { "loader/addons/a.addon.efi": own });
      },
      expectLocked,
    );
  });

  test("credentials and system extensions reach neither kernel nor keys", async () => {
    const foreign = await makeForeign("extensions");
    await bootAttacked(
      "extensions",
      async (machine) => {
        const parts = {
          "a.cred": "foreign",
          "b.raw": foreign.initramfs,
          "c.sysext.raw": foreign.initramfs,
          "d.confext.raw": foreign.initramfs,
        };
        await plantAll(machine, foreign, {
          ...besides(await imageOn(machine.files.disk), parts),
          "loader/credentials/e.cred": "foreign",
        });
      },
      expectLocked,
    );
  });

  test("a loader entry with options for the kernel image reaches neither kernel nor keys", async () => {
    const foreign = await makeForeign("options");
    await bootAttacked(
      "options",
      async (machine) => {
        const image = `/EFI/Linux/${await imageOn(machine.files.disk)}`;
        const entry = firstEntry([`linux ${image}`, `options ${FROM_ESP}`]);
        await plantAll(machine, foreign, entry);
      },
      expectLocked,
    );
  });

  test("a loader entry with an initramfs does not boot", async () => {
    const foreign = await makeForeign("initrd");
    await bootAttacked(
      "initrd",
      async (machine) => {
        const image = `/EFI/Linux/${await imageOn(machine.files.disk)}`;
        const entry = firstEntry([`linux ${image}`, "initrd /foreign.cpio"]);
        await plantAll(machine, foreign, { ...entry, "foreign.cpio": foreign.initramfs });
      },
      expectNotBooted,
    );
  });

  test("a newer kernel image of a stranger does not boot", async () => {
    const foreign = await makeForeign("image");
    await bootAttacked(
      "image",
      async (machine) => {
        const image = foreign.sign(foreignImage(foreign.initramfs));
        await plantAll(machine, foreign, { "EFI/Linux/zz.efi": image });
      },
      (boot) => {
        expectNotBooted(boot);
        expect(boot.console).toMatch(/Access denied|Security Violation/i);
      },
    );
  });
}
