// What people read when a program ended badly.
import { expect, test } from "bun:test";
import { describe as words } from "./exit-error.ts";
import { ExitError } from "./process.ts";

const failed = { exitCode: 3, signal: null };

test.each([
  ["success", { exitCode: 0, signal: null }, "ended with exit code 0"],
  ["a failure", { exitCode: 127, signal: null }, "ended with exit code 127"],
  ["a signal", { exitCode: null, signal: "SIGKILL" }, "was ended by SIGKILL"],
])("describe has words for %s", (_, status, text) => {
  expect(words(status)).toBe(text);
});

test("ExitError says what ended, how, and its last words", () => {
  const error = new ExitError("mkfs.xfs", failed, "no such device\n\n");
  expect(error.message).toBe("mkfs.xfs ended with exit code 3: no such device");
  expect(error).toMatchObject({ name: "ExitError", program: "mkfs.xfs", ...failed });
});

test("ExitError of a silent program ends without a colon", () => {
  expect(new ExitError("true", failed, " \n").message).toBe("true ended with exit code 3");
});

test("ExitError quotes the end of a long speech, where the reason stands", () => {
  const error = new ExitError("fsck", failed, `${"noise ".repeat(10_000)}the reason`);
  expect(error.message).toEndWith("the reason");
  expect(error.message.length).toBeLessThan(600);
  expect(error.stderr).toEndWith("the reason");
  expect(error.stderr).toHaveLength(4_096);
});

test("ExitError can say something else than how it ended", () => {
  const error = new ExitError("sleep", { exitCode: null, signal: "SIGTERM" }, "", "took too long");
  expect(error.message).toBe("sleep took too long");
  expect(error.signal).toBe("SIGTERM");
});
