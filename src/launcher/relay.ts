// Copies byte streams between two listeners' worlds. The host reaches a cluster's
// SOCKS5 server through two of these: a TCP port on the host's loopback to a unix
// socket, and from that socket, inside the namespace, to the server. Unix sockets
// are found by path, which network namespaces do not separate.
import { rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";

/** Where to listen, or connect to. */
export type Endpoint = { readonly path: string } | { readonly host: string; readonly port: number };

/** A running relay. */
export interface Relay {
  /** The TCP port listened on, 0 for a unix socket. */
  readonly port: number;
  close(): void;
}

/** Accepts at `from` and connects each to `to`. Rejects when it cannot listen. */
export async function startRelay(from: Endpoint, to: Endpoint): Promise<Relay> {
  const server = createServer({ allowHalfOpen: true }, (near) => join(near, connect(to)));
  await listen(server, from);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () => server.close(),
  };
}

function connect(to: Endpoint): Socket {
  return "path" in to
    ? createConnection({ path: to.path, allowHalfOpen: true })
    : createConnection({ host: to.host, port: to.port, allowHalfOpen: true });
}

async function listen(server: Server, at: Endpoint): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if ("path" in at) {
      // A socket file outlives its listener, and binding over it fails.
      rmSync(at.path, { force: true });
      server.listen(at.path, resolve);
    } else {
      server.listen(at.port, at.host, resolve);
    }
  });
}

/** Joins two streams; the end or failure of one side reaches the other. */
function join(near: Socket, far: Socket): void {
  near.setNoDelay(true);
  near.pipe(far);
  far.pipe(near);
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
  near.on("close", () => far.destroy());
  far.on("close", () => near.destroy());
}
