// Waiting for something, but not for long.
import { expect, test } from "bun:test";
import { linger } from "./linger.ts";

test("linger returns with the promise, long before the time is over", async () => {
  const began = performance.now();
  await linger(Promise.resolve("ignored"), 60_000);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("linger returns when the time is over", async () => {
  const began = performance.now();
  await linger(new Promise(() => {}), 30);
  expect(performance.now() - began).toBeGreaterThan(20);
});

test("linger throws what the promise throws", async () => {
  const broken = linger(Promise.reject(new RangeError("broken")), 60_000);
  expect(await broken.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
});

test("linger leaves no timer that would keep a process alive", () => {
  const path = new URL("./linger.ts", import.meta.url).pathname;
  const program = `import { linger } from "${path}"; await linger(Promise.resolve(), 60_000);`;
  const { exitCode } = Bun.spawnSync([process.execPath, "-e", program], { timeout: 20_000 });
  expect(exitCode).toBe(0);
});
