// Talking with real children line by line, until either side has enough.
import { expect, test } from "bun:test";
import { Value } from "../event/event.ts";
import { ownPids, startDialog } from "./process.ts";
import { gone } from "./test-liveness.ts";

const never = new AbortController().signal;

/** A shell script, and all that it said. */
function shell(script: string) {
  const out: string[] = [];
  const err: string[] = [];
  const latest = new Value<string>();
  const dialog = startDialog({
    argv: ["sh", "-c", script],
    onStdout: (line) => {
      out.push(line);
      latest.set(line);
    },
    onStderr: (line) => err.push(line),
  });
  return { dialog, out, err, latest };
}

test("startDialog hears both streams to their ends before it says that it is over", async () => {
  const { dialog, out, err } = shell("seq 1 2000; echo problem >&2; printf unfinished; exit 4");
  expect(await dialog.ended).toEqual({ exitCode: 4, signal: null });
  expect(out).toHaveLength(2_001);
  expect(out.at(-1)).toBe("unfinished");
  expect(err).toEqual(["problem"]);
});

test("send is answered line by line", async () => {
  const { dialog, out, latest } = shell('while read -r line; do echo "got $line"; done');
  dialog.send("one");
  await latest.first(never, (line) => line === "got one");
  dialog.send("two words");
  await latest.first(never, (line) => line === "got two words");
  dialog.kill("SIGTERM");
  expect(await dialog.ended).toEqual({ exitCode: null, signal: "SIGTERM" });
  expect(out).toEqual(["got one", "got two words"]);
});

test("send and kill after the end do nothing", async () => {
  const { dialog } = shell("exit 0");
  await dialog.ended;
  expect(() => dialog.send("late")).not.toThrow();
  expect(() => dialog.kill("SIGKILL")).not.toThrow();
});

test("a grandchild that holds the pipes does not hold up the end", async () => {
  const { dialog, out } = shell("sleep 60 & echo $!");
  const began = performance.now();
  expect(await dialog.ended).toEqual({ exitCode: 0, signal: null });
  expect(performance.now() - began).toBeLessThan(10_000);
  const orphan = Number(out[0]);
  process.kill(orphan, "SIGKILL");
  expect(await gone(orphan)).toBe(true);
});

test("a line without end is cut, and takes no more memory than that", async () => {
  const { dialog, out } = shell("head -c 300000 /dev/zero | tr '\\0' x; echo; echo after");
  await dialog.ended;
  expect(out.map((line) => line.length)).toEqual([4_096, 5]);
});

test("a child of a dialog is ours until it ends", async () => {
  const { dialog } = shell("sleep 60");
  expect(ownPids().has(dialog.pid)).toBe(true);
  dialog.kill("SIGKILL");
  await dialog.ended;
  expect(ownPids().has(dialog.pid)).toBe(false);
});

test("startDialog throws when there is no such program", () => {
  const silent = () => {};
  const start = () => startDialog({ argv: ["/nowhere"], onStdout: silent, onStderr: silent });
  expect(start).toThrow();
});
