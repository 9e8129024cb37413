// Tests of reading the kernel's log.
import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readKmsg } from "./kmsg.ts";

test("readKmsg gives what a file in its place holds, then ends", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "metropolis-kmsg-")), "kmsg");
  writeFileSync(path, "6,1,100,-;Linux version\n");
  const records = await Array.fromAsync(readKmsg(new AbortController().signal, path));
  expect(records).toEqual(["6,1,100,-;Linux version\n"]);
});

test("readKmsg sees what is added, where the kernel allows it", async () => {
  const signal = AbortSignal.timeout(2_000);
  const mark = `metropolis test ${crypto.randomUUID()}`;
  if (process.getuid?.() !== 0) return;
  writeFileSync("/dev/kmsg", `<12>${mark}\n`);
  let found = false;
  for await (const record of readKmsg(signal)) {
    found = record.includes(mark);
    if (found) break;
  }
  expect(found).toBe(true);
});

test("readKmsg ends when its signal aborts", async () => {
  if (process.getuid?.() !== 0) return;
  for await (const record of readKmsg(AbortSignal.timeout(20))) expect(record).toContain(";");
});
