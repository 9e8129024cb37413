// Tests of strangers' connections: how fast they are read, and how they end.
import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { ByteBudget } from "./byte-budget.ts";
import { ThrottledSocket } from "./throttled-socket.ts";

/** Both ends of a connection, one of them throttled. */
async function pair(burst: number, perSecond: number) {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer(accepted.resolve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const far = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1");
  far.on("error", () => {});
  const throttled = new ThrottledSocket(await accepted.promise, [
    new ByteBudget({ burst, perSecond }),
  ]);
  throttled.on("error", () => {});
  server.close();
  return { far, throttled };
}

test("ThrottledSocket reads the burst at once, and the rest at its rate", async () => {
  const { far, throttled } = await pair(100_000, 1_000_000);
  let read = 0;
  throttled.on("data", (chunk: Buffer) => {
    read += chunk.length;
  });
  far.write(Buffer.alloc(600_000));
  while (read < 600_000) await Bun.sleep(1);
  // However it was cut into pieces: what came above the burst has to be made good now.
  const began = performance.now();
  far.write(Buffer.alloc(1));
  while (read < 600_001) await Bun.sleep(1);
  expect(performance.now() - began).toBeGreaterThan(100);
  far.destroy();
});

test("ThrottledSocket passes both ways, with the addresses of its socket", async () => {
  const { far, throttled } = await pair(1_000, 1_000);
  throttled.on("data", (chunk: Buffer) => throttled.write(chunk));
  const echoed = new Promise((resolve) => far.once("data", (chunk) => resolve(String(chunk))));
  far.write("hello");
  expect(await echoed).toBe("hello");
  expect(throttled.remoteAddress).toBe("127.0.0.1");
  expect(throttled.remotePort).toBe(far.localPort ?? 0);
  far.destroy();
});

test("ThrottledSocket ends with its socket, and its socket with it", async () => {
  const one = await pair(1_000, 1_000);
  const closed = new Promise((resolve) => one.throttled.once("close", () => resolve("closed")));
  one.throttled.resume();
  one.far.destroy();
  expect(await closed).toBe("closed");
  const other = await pair(1_000, 1_000);
  const gone = new Promise((resolve) => other.far.once("close", () => resolve("gone")));
  other.far.resume();
  other.throttled.destroy();
  expect(await gone).toBe("gone");
});
