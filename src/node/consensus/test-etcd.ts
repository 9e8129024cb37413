// The real etcd for tests: where the build has put it, and ports that are free.
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import type { EtcdPorts } from "./config.ts";

const cache =
  process.env.METROPOLIS_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "metropolis");

/** The etcd that the build made. */
export const ETCD: string = join(cache, "out/etcd");

/** Below those that the kernel gives to clients, which could take one between our look and its use. */
const LOWEST_PORT = 12_000;
const PORTS = 18_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}

/** Ports for a member. */
export async function freePorts(): Promise<EtcdPorts> {
  return { peer: await freePort(), client: await freePort(), metrics: await freePort() };
}
