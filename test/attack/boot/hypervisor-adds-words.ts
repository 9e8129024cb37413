// The attacker is the hypervisor, or the board: it hands texts to the boot loader and to the
// stub by SMBIOS type 11, and wants its own program to be PID 1 with the node's keys.
//
// Before the command line ended in `--` the first of these attacks was seen to work: the
// stub appends such a text to the signed command line, and the last `root=` wins.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { outputs } from "../../vm/golden.ts";
import { bootAttacked, expectLocked, expectUnmoved } from "./attacked-boot.ts";
import { imageOn, plant } from "./esp.ts";
import { FROM_ESP, makeForeign, withCommandLine } from "./foreign.ts";

const STUB = "io.systemd.stub.kernel-cmdline-extra";
const LOADER = "io.systemd.boot.kernel-cmdline-extra";

/** Registers the tests. */
export function hypervisorAddsWords(): void {
  test("a hypervisor that adds root= and init= to the command line gets neither PID 1 nor the keys", async () => {
    const { program } = await makeForeign("hypervisor");
    await bootAttacked(
      "smbios-stub",
      async ({ files }) => {
        await plant(files.disk, { foreign: program, "dev/": "" });
      },
      expectLocked,
      [`${STUB}=${FROM_ESP}`],
    );
  });

  test("an image whose command line has no end is taken over: the attack is a real one", async () => {
    const { program, signAsOwner } = await makeForeign("endless");
    const built = readFileSync(join(outputs, "metropolis.efi"));
    const endless = withCommandLine(built, (line) => line.replace(/ noinitrd --$/, ""));
    await bootAttacked(
      "smbios-endless",
      async ({ files: { disk } }) => {
        const image = `EFI/Linux/${await imageOn(disk)}`;
        await plant(disk, { foreign: program, "dev/": "", [image]: signAsOwner(endless) });
      },
      ({ ending }) => expect(ending).toBe("taken over"),
      [`${STUB}=${FROM_ESP}`],
    );
  });

  test("a hypervisor that adds words for entries of the boot loader changes nothing", async () => {
    await bootAttacked("smbios-loader", async () => {}, expectUnmoved, [
      `${LOADER}=${FROM_ESP}`,
      "io.systemd.boot.entries-extra:evil.conf=linux /EFI/Linux/metropolis-a.efi",
      "io.systemd.boot.timeout=menu-force",
      "io.systemd.credential:foreign=secret",
    ]);
  });
}
