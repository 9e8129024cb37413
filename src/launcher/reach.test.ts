// Asking through a real SOCKS5 server who listens.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { type Child, startChild } from "../base/process/process.ts";
import { programPath } from "./packages.ts";
import { isReachable, waitForPort } from "./reach.ts";

let socks: Child;
let proxy = "";
let listener: Server;
let port = 0;

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  const free = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return free;
}

beforeAll(async () => {
  listener = createServer((socket) => socket.end());
  port = await listen(listener);
  const socksPort = await freePort();
  proxy = `127.0.0.1:${socksPort}`;
  const command = ["microsocks", "-i", "127.0.0.1", "-p", String(socksPort)];
  socks = startChild(command, { env: { PATH: programPath } });
  await waitForPort(proxy, { host: "127.0.0.1", port }, 5_000);
});

afterAll(() => {
  socks.kill("SIGTERM");
  listener.close();
});

test("isReachable sees who listens at an IPv6 address", async () => {
  const six = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => six.listen(0, "::1", resolve));
  const address = six.address();
  const target = { host: "::1", port: typeof address === "object" ? (address?.port ?? 0) : 0 };
  expect(await isReachable(proxy, target)).toBe(true);
  await new Promise((resolve) => six.close(resolve));
  expect(await isReachable(proxy, target)).toBe(false);
  await expect(isReachable(proxy, { ...target, host: "node" })).rejects.toThrow("no IP address");
});

test("isReachable sees who listens", async () => {
  expect(await isReachable(proxy, { host: "127.0.0.1", port })).toBe(true);
});

test("isReachable sees that nobody listens", async () => {
  expect(await isReachable(proxy, { host: "127.0.0.1", port: await freePort() })).toBe(false);
});

test("isReachable is false without a proxy", async () => {
  const nobody = `127.0.0.1:${await freePort()}`;
  expect(await isReachable(nobody, { host: "127.0.0.1", port })).toBe(false);
});

test("waitForPort waits for a late listener", async () => {
  const late = await freePort();
  const server = createServer();
  setTimeout(() => server.listen(late, "127.0.0.1"), 300);
  await waitForPort(proxy, { host: "127.0.0.1", port: late }, 5_000);
  server.close();
});

test("waitForPort says what it waited for in vain", async () => {
  const waiting = waitForPort(proxy, { host: "127.0.0.1", port: await freePort() }, 100);
  await expect(waiting).rejects.toThrow(/wait 0.1 s for 127.0.0.1:\d+: nobody listens/);
});
