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

const storm = `
  const { isReaderGone } = await import("${join(import.meta.dir, "poll.ts")}");
  process.on("SIGINT", () => {});
  const kill = "while kill -INT " + process.pid + "; do :; done 2> /dev/null";
  const other = Bun.spawn(["bash", "-c", kill]);
  const end = Date.now() + 1500;
  for (let at = 1; Date.now() < end; at++) {
    isReaderGone(1);
    if (at % 1000 === 0) await Bun.sleep(0);
  }
  other.kill();
`;

test("isReaderGone goes on where signals interrupt it", async () => {
  const env = { HOME: "/nowhere", PATH: "/usr/bin:/bin" };
  const { stderr } = await run([process.execPath, "-e", storm], { env });
  expect(stderr).toBe("");
});

test("isReaderGone is false for a file", () => {
  const file = openSync("/dev/null", "w");
  try {
    expect(isReaderGone(file)).toBe(false);
  } finally {
    closeSync(file);
  }
});
