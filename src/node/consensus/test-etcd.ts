// The real etcd for tests: where the build has put it, and ports that are free.
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import type { EtcdPorts } from "./config.ts";

const cache =
  process.env.METROPOLIS_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "metropolis");

/** The etcd that the build made; it may not be there. */
export const ETCD: string = join(cache, "out/etcd");

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
  });
  return promise;
}

/** Ports for a member. */
export async function freePorts(): Promise<EtcdPorts> {
  return { peer: await freePort(), client: await freePort(), metrics: await freePort() };
}
