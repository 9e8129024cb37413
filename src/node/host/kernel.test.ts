// Tests of the kernel's messages.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { kernelLog } from "./kernel.ts";

/** What the log has at `kernel` after reading `text` as if it came from the kernel. */
async function readAs(text: string) {
  const folder = mkdtempSync(join(tmpdir(), "node-kernel-"));
  try {
    const path = join(folder, "kmsg");
    writeFileSync(path, text);
    await using tested = testSupervisor(kernelLog(path));
    const read = { dn: "kernel", backlog: "all" } as const;
    while (tested.tree.read(read).backlog.length === 0) await tested.quiet();
    return tested.tree.read(read).backlog;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("kernelLog gives the kernel's messages their severity", async () => {
  const [entry] = await readAs("3,339,5140900,-;I/O error, dev vda, sector 8\n");
  expect(entry).toMatchObject({
    kind: "leveled",
    severity: "error",
    messages: ["I/O error, dev vda, sector 8"],
  });
});

test("kernelLog keeps what it does not understand", async () => {
  const [entry] = await readAs("no record at all");
  expect(entry).toMatchObject({ kind: "raw", text: "no record at all" });
});
