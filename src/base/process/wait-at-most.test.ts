// Waiting for something, but not for long.
import { expect, test } from "bun:test";
import { waitAtMost } from "./wait-at-most.ts";

test("waitAtMost returns with the promise, long before the time is over", async () => {
  const began = performance.now();
  await waitAtMost(Promise.resolve("ignored"), 60_000);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("waitAtMost returns when the time is over", async () => {
  const began = performance.now();
  await waitAtMost(new Promise(() => {}), 30);
  expect(performance.now() - began).toBeGreaterThan(20);
});

test("waitAtMost throws what the promise throws", async () => {
  const broken = waitAtMost(Promise.reject(new RangeError("broken")), 60_000);
  expect(await broken.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
});

test("waitAtMost leaves no timer that would keep a process alive", () => {
  const path = new URL("./wait-at-most.ts", import.meta.url).pathname;
  const program = `import { waitAtMost } from "${path}"; await waitAtMost(Promise.resolve(), 60_000);`;
  const { exitCode } = Bun.spawnSync([process.execPath, "-e", program], { timeout: 20_000 });
  expect(exitCode).toBe(0);
});
