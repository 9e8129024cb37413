// A small SOCKS5 proxy for tests: connects to names and addresses, no more.
import { connect, createServer, type Socket } from "node:net";

/** A proxy on loopback that notes where it was asked to connect to. */
export interface TestSocks extends Disposable {
  /** `host:port`. */
  readonly address: string;
  readonly asked: readonly string[];
}

/** Starts a proxy; `refuse` makes it answer every request with a failure. */
export async function testSocks({ refuse = false } = {}): Promise<TestSocks> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      // Version 5, no authentication.
      socket.write(Buffer.of(5, 0));
      socket.once("data", (request) => answer(socket, Buffer.from(request), asked, refuse));
    });
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const bound = server.address();
  const port = bound !== null && typeof bound === "object" ? bound.port : 0;
  return { address: `127.0.0.1:${port}`, asked, [Symbol.dispose]: () => void server.close() };
}

function answer(socket: Socket, request: Buffer, asked: string[], refuse: boolean): void {
  const { host, port } = destination(request);
  asked.push(`${host}:${port}`);
  const reply = (code: number) => socket.write(Buffer.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0));
  if (refuse) {
    reply(5);
    socket.end();
    return;
  }
  const target = connect(port, host === "node.example" ? "127.0.0.1" : host, () => {
    reply(0);
    socket.pipe(target).pipe(socket);
  });
  target.on("error", () => socket.destroy());
}

/** Version, command, reserved, then the kind of address. */
function destination(request: Buffer): { host: string; port: number } {
  const isName = request[3] === 3;
  const length = isName ? (request[4] ?? 0) : 4;
  const start = isName ? 5 : 4;
  const bytes = request.subarray(start, start + length);
  const port = request.readUInt16BE(start + length);
  return { host: isName ? bytes.toString() : bytes.join("."), port };
}
