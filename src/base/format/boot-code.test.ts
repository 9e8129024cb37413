// Boot code, run by the BIOS of an emulated machine.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileDevice } from "./block-device.ts";
import { bootMessage } from "./boot-code.ts";
import { writeGpt } from "./gpt-writer.ts";

const MIB = 2 ** 20;
const ID = "00000000-0000-4000-8000-000000000001";
const LIMIT_MS = 30_000;

/** What the machine shows on its serial console until it has said `last`. */
async function shown(disk: string, last: string): Promise<string> {
  const machine = ["-machine", "q35,graphics=off", "-m", "64", "-nodefaults", "-no-user-config"];
  const drive = ["-drive", `file=${disk},format=raw,if=ide`, "-vga", "none", "-display", "none"];
  const child = Bun.spawn(["qemu-system-x86_64", ...machine, ...drive, "-serial", "stdio"], {
    ...{ stdin: "ignore", stdout: "pipe", stderr: "inherit", timeout: LIMIT_MS },
  });
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes(last)) break;
  }
  child.kill("SIGKILL");
  await child.exited;
  return text;
}

test("bootMessage is shown by a legacy BIOS that starts from the disk", async () => {
  const folder = mkdtempSync(join(tmpdir(), "boot-code-"));
  try {
    const path = join(folder, "disk");
    {
      await using disk = await fileDevice(path, { mode: "create", size: 8 * MIB });
      const bootCode = bootMessage(["Nothing to run here.", "Go away."]);
      await writeGpt(disk, { diskId: ID, sectorSize: 512, partitions: [], bootCode });
    }
    expect(await shown(path, "Go away.")).toMatch(/^Nothing to run here\.\r\nGo away\./m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
