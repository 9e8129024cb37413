// The pipe of a real program, whose reader comes to its end.
import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { run } from "../process/process.ts";
import { isReaderGone } from "./poll.ts";

const script = `
  const { isReaderGone } = await import("${join(import.meta.dir, "poll.ts")}");
  process.stderr.write(isReaderGone(1) + " ");
  while (!isReaderGone(1)) await Bun.sleep(5);
  process.stderr.write("true");
`;

test("isReaderGone says when the reader of a pipe has gone, and nothing was written", async () => {
  const pipe = '"$0" -e "$1" | sleep 1';
  const env = { HOME: "/nowhere", PATH: "/usr/bin:/bin" };
  const { stderr } = await run(["bash", "-c", pipe, process.execPath, script], { env });
  expect(stderr).toBe("false true");
});

test("isReaderGone is false for a file", () => {
  const file = openSync("/dev/null", "w");
  try {
    expect(isReaderGone(file)).toBe(false);
  } finally {
    closeSync(file);
  }
});
