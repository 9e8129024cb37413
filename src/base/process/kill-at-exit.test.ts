// What becomes of programs when the process that started them ends.
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { lines } from "./lines.ts";
import { gone, isRunning } from "./test-liveness.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

/** A process that starts a sleeper, does what comes `before`, says the pid, and goes on. */
async function owner(code: string, before = "") {
  const program = `
    import { startGroup } from "${here}group.ts";
    const group = startGroup({ argv: ["sleep", "60"] });
    ${before}
    console.log(group.pid);
    ${code}
  `;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "ignore" });
  const { value } = await lines(child.stdout).next();
  return { child, sleeper: Number(value) };
}

const STAY = "setInterval(() => {}, 1000);";

test.each(["process.exit(3);", "throw new Error('crash');"])(
  "a sleeper is gone after %s",
  async (code) => {
    const { child, sleeper } = await owner(code);
    expect(await child.exited).not.toBe(0);
    expect(await gone(sleeper)).toBe(true);
  },
);

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends the sleeper too, and is what ended its owner",
  async (signal) => {
    const { child, sleeper } = await owner(STAY);
    child.kill(signal);
    await child.exited;
    expect(child.signalCode).toBe(signal);
    expect(await gone(sleeper)).toBe(true);
  },
);

test("an owner that handles the signal itself decides for its sleeper", async () => {
  const { child, sleeper } = await owner(STAY, 'process.on("SIGTERM", () => {});');
  child.kill("SIGTERM");
  await Bun.sleep(100);
  expect(isRunning(sleeper)).toBe(true);
  expect(child.exitCode).toBe(null);
  // SIGHUP has no other listener, so it still ends both.
  child.kill("SIGHUP");
  await child.exited;
  expect(await gone(sleeper)).toBe(true);
});

test("signals mean what they always did once all programs have ended", async () => {
  const { child } = await owner(`
    group.kill();
    await group.exited;
    await Bun.sleep(10);
    console.log(process.listenerCount("SIGTERM"));
    process.exit(process.listenerCount("SIGTERM"));
  `);
  expect(await child.exited).toBe(0);
});
