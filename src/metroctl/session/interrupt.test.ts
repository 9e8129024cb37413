// Ctrl-C in a process of its own: what ends it, and what does not.
import { expect, test } from "bun:test";
import { join } from "node:path";

const front = JSON.stringify(join(import.meta.dir, "interrupt.ts"));

/** Runs a script, sends SIGINT at each line "ready" it prints, and gives how it ended. */
async function interrupted(script: string) {
  const source = `import { interrupt } from ${front};\n${script}`;
  const child = Bun.spawn([process.execPath, "-e", source], { stdout: "pipe", stderr: "ignore" });
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let count = chunk.split("ready").length - 1; count > 0; count--) child.kill("SIGINT");
  }
  await child.exited;
  return { text, exitCode: child.exitCode, signal: child.signalCode };
}

test("interrupt turns Ctrl-C into a signal, and the command ends in its own way", async () => {
  const { text, exitCode } = await interrupted(`
    using interrupted = interrupt();
    const alive = setInterval(() => {}, 1000);
    console.log("ready");
    await new Promise((resolve) => interrupted.signal.addEventListener("abort", resolve));
    clearInterval(alive);
    console.log("tidied up");
    process.exitCode = 7;`);
  expect(text).toContain("tidied up");
  expect(exitCode).toBe(7);
});

test("interrupt lets a second Ctrl-C end a command that hangs", async () => {
  const { text, exitCode } = await interrupted(`
    process.on("SIGINT", () => process.exit(130));
    using interrupted = interrupt();
    setInterval(() => {}, 1000);
    interrupted.signal.addEventListener("abort", () => console.log("ready again"));
    console.log("ready");
    await new Promise(() => {});`);
  expect(text).toBe("ready\nready again\n");
  expect(exitCode).toBe(130);
});

test("interrupt gives Ctrl-C back when it is disposed of", async () => {
  const { exitCode } = await interrupted(`
    process.on("SIGINT", () => process.exit(9));
    { using interrupted = interrupt(); }
    setInterval(() => {}, 1000);
    console.log("ready");`);
  expect(exitCode).toBe(9);
});
