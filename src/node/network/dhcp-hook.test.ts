// The hook and its socket: the real role against a socket of ours.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "./dhcp-hook.ts";

/** Runs the hook with an environment, and gives what arrived at the socket. */
async function hooked(environment: Readonly<Record<string, string>>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "hook-"));
  const path = join(folder, "hook.sock");
  const arrived = Promise.withResolvers<string>();
  const server = createServer(async (socket) => {
    arrived.resolve((await Array.fromAsync(socket)).join(""));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const before = { ...process.env };
  Object.assign(process.env, environment, { METROPOLIS_HOOK_SOCKET: path });
  try {
    expect(await main()).toBe(0);
    return await arrived.promise;
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
    Object.assign(process.env, before);
    delete process.env.METROPOLIS_HOOK_SOCKET;
    server.close();
    rmSync(folder, { recursive: true });
  }
}

test("main passes on what the node has a use for, and nothing else", async () => {
  const text = await hooked({
    reason: "BOUND",
    interface: "eth0",
    new_ip_address: "10.1.0.2",
    old_ip_address: "10.1.0.9",
    SECRET: "x",
  });
  expect(JSON.parse(text)).toEqual({
    reason: "BOUND",
    interface: "eth0",
    new_ip_address: "10.1.0.2",
  });
});

test("main ends with 1 where nobody listens", async () => {
  process.env.METROPOLIS_HOOK_SOCKET = "/nonexistent/hook.sock";
  expect(await main()).toBe(1);
  delete process.env.METROPOLIS_HOOK_SOCKET;
});
