// Whether something listens in a cluster's network: the smallest SOCKS5 client
// (RFC 1928) that can ask, for those who wait for a machine to come up.
import { createConnection, type Socket } from "node:net";
import { sleep } from "../base/event/event.ts";
import { ADDRESS_BITS, parseAddress } from "../base/format/ip-address.ts";
import { LauncherError } from "./launcher-error.ts";

const POLL_MS = 200;
/** A machine that is off answers nothing at all; the kernel inside would wait a minute. */
const ATTEMPT_MS = 2_000;

/** An address inside the cluster's network. */
export interface Target {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

/** Whether a connection to `target` through the proxy (host:port) is accepted now. */
export async function isReachable(proxy: string, target: Target): Promise<boolean> {
  const [host = "", port = ""] = proxy.split(":");
  const socket = createConnection({ host, port: Number(port) });
  socket.setTimeout(ATTEMPT_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  try {
    // Version 5, one method: no authentication.
    socket.write(Uint8Array.of(5, 1, 0));
    const hello = await bytes(socket, 2);
    if (hello[1] !== 0) return false;
    socket.write(connectRequest(target));
    return (await bytes(socket, 2))[1] === 0;
  } finally {
    socket.destroy();
  }
}

/** Waits until `target` accepts. Throws LauncherError when it does not in time. */
export async function waitForPort(proxy: string, target: Target, timeoutMs: number) {
  const limit = performance.now() + timeoutMs;
  while (!(await isReachable(proxy, target))) {
    if (performance.now() > limit) {
      const { host, port } = target;
      throw new LauncherError(`wait ${timeoutMs / 1000} s for ${host}:${port}: nobody listens`);
    }
    await sleep(POLL_MS);
  }
}

function connectRequest({ host, port }: Target): Uint8Array {
  const address = parseAddress(host);
  if (address === undefined) throw new LauncherError(`reach ${host}: it is no IP address`);
  const length = ADDRESS_BITS[address.family] / 4;
  const bytes = Buffer.from(address.value.toString(16).padStart(length, "0"), "hex");
  const kind = address.family === 4 ? 1 : 4;
  return Uint8Array.of(5, 1, 0, kind, ...bytes, port >> 8, port & 255);
}

/** At least `count` bytes, or fewer when the other side ended. */
function bytes(socket: Socket, count: number): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  let all: Uint8Array = new Uint8Array();
  const take = (chunk: Uint8Array) => {
    all = Buffer.concat([all, chunk]);
    if (all.length >= count) done();
  };
  const done = () => {
    socket.off("data", take);
    resolve(all);
  };
  socket.on("data", take);
  socket.once("close", done);
  return promise;
}
