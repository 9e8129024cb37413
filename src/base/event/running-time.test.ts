// Tests of time that only counts while this process runs.
import { expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import { afterRunning } from "./running-time.ts";

const LIMIT_MS = 100;

test("afterRunning calls after the time, unless it is called off", async () => {
  const start = performance.now();
  await new Promise<void>((resolve) => void afterRunning(LIMIT_MS, resolve));
  expect(performance.now() - start).toBeGreaterThan(LIMIT_MS - 10);
  const late = Promise.withResolvers<string>();
  afterRunning(20, () => late.resolve("called"))();
  setTimeout(() => late.resolve("called off"), 60);
  expect(await late.promise).toBe("called off");
});

test("a process that was not let run sees what has arrived before the time is over", async () => {
  const server = createServer((socket) => socket.end("answer"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const socket = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1");
  const first = Promise.withResolvers<string>();
  socket.once("data", () => first.resolve("answer"));
  const callOff = afterRunning(LIMIT_MS, () => first.resolve("too late"));
  // As if the machine had no processor for us.
  Bun.sleepSync(3 * LIMIT_MS);
  expect(await first.promise).toBe("answer");
  callOff();
  socket.destroy();
  server.close();
});
