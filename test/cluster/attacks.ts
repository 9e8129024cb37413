// Hostile callers, as functions: each does its worst to one port of the loopback
// within bounds of count and time, and leaves nothing open.
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { sleep, within } from "../../src/base/event/event.ts";
import type { Proof } from "./control-plane.ts";

const HOST = "127.0.0.1";

/** How long one socket may take to open on a busy machine. */
const OPEN_MS = 10_000;

/** A connection without any TLS, which swallows what it is told. */
export async function openTcp(port: number): Promise<Socket> {
  const socket = connectTcp(port, HOST);
  socket.on("error", () => {}).resume();
  await event(socket, "connect");
  return socket;
}

/** What a TLS connection offers. */
export interface TlsOffer extends Partial<Proof> {
  /** Protocols to speak; default h2. */
  readonly protocols?: readonly string[];
}

/** A TLS connection; rejects when the server does not want it. */
export async function openTls(port: number, offer: TlsOffer = {}): Promise<TLSSocket> {
  const { protocols = ["h2"], keyPem, certificatePem } = offer;
  const socket = connectTls({
    host: HOST,
    port,
    ...(keyPem === undefined ? {} : { key: keyPem, cert: certificatePem }),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    rejectUnauthorized: false,
  });
  socket.on("error", () => {}).resume();
  await event(socket, "secureConnect");
  return socket;
}

async function event(socket: Socket, name: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once(name, () => resolve());
  socket.once("error", reject);
  socket.once("close", () => reject(new Error(`closed before ${name}`)));
  await within(promise, AbortSignal.timeout(OPEN_MS));
}

/** Whether the other side ends a connection in time. */
export async function isEnded(socket: Socket, timeoutMs: number): Promise<boolean> {
  if (socket.closed || socket.destroyed || socket.readableEnded) return true;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  for (const name of ["close", "end"]) socket.once(name, () => resolve(true));
  const timer = setTimeout(() => resolve(false), timeoutMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** All of them at once, in batches that the backlog of a listener takes. */
export async function many<T>(count: number, open: () => Promise<T>): Promise<readonly T[]> {
  const opened: T[] = [];
  while (opened.length < count) {
    const batch = Array.from({ length: Math.min(50, count - opened.length) }, open);
    opened.push(...(await Promise.all(batch)));
  }
  return opened;
}

/** Ends connections from this side. */
export function drop(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy();
}

/** Random bytes, first as a TLS record would begin, then without any TLS. */
export async function garbage(port: number): Promise<boolean> {
  const noise = crypto.getRandomValues(new Uint8Array(32_768));
  const like = Uint8Array.from([0x16, 0x03, 0x01, 0x40, 0x00, ...noise]);
  const sockets = await many(10, () => openTcp(port));
  for (const [at, socket] of sockets.entries()) socket.write(at % 2 === 0 ? like : noise);
  const ended = await Promise.all(sockets.map((socket) => isEnded(socket, 5_000)));
  drop(sockets);
  return ended.every(Boolean);
}

/** Random bytes where HTTP/2 is expected. */
export async function garbageInside(port: number): Promise<boolean> {
  const noise = crypto.getRandomValues(new Uint8Array(32_768));
  const sockets = await many(10, () => openTls(port));
  for (const socket of sockets) socket.write(noise);
  const ended = await Promise.all(sockets.map((socket) => isEnded(socket, 5_000)));
  drop(sockets);
  return ended.every(Boolean);
}

/** A browser of another age: with the protocol named, and without. Gives what it was told. */
export async function http1(port: number): Promise<string> {
  const answers: string[] = [];
  for (const protocols of [["http/1.1"], []]) {
    try {
      const socket = await openTls(port, { protocols });
      socket.on("data", (bytes) => answers.push(String(bytes)));
      socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      if (!(await isEnded(socket, 5_000))) answers.push("left open");
      socket.destroy();
    } catch (error) {
      // Refused in the handshake: as good an answer.
      if (!(error instanceof Error)) throw error;
    }
  }
  return answers.join("");
}

/** Begins a handshake and goes on a byte at a time, for ever if it may. */
export async function slowHandshake(port: number, timeoutMs: number): Promise<boolean> {
  const socket = await openTcp(port);
  // The head of a record of 512 bytes that holds a ClientHello.
  const hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
  const ended = isEnded(socket, timeoutMs);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  for (let at = 0; !isOver; at++) {
    socket.write(Uint8Array.of(hello[at] ?? 0));
    await sleep(250);
  }
  socket.destroy();
  return ended;
}

const path = "/metropolis.proto.api.Management/GetClusterInfo";
const head = {
  ":method": "POST",
  ":path": path,
  "content-type": "application/grpc",
  te: "trailers",
};

/** An HTTP/2 session without gRPC's good manners. */
async function session(port: number, proof: Proof | undefined) {
  const socket = await openTls(port, proof);
  socket.pause();
  const http2 = connectHttp2(`https://${HOST}:${port}`, { createConnection: () => socket });
  http2.on("error", () => {});
  return { http2, socket };
}

/** Opens streams and resets each at once (CVE-2023-44487). */
export async function rapidReset(port: number, proof?: Proof): Promise<void> {
  const { http2, socket } = await session(port, proof);
  for (let i = 0; i < 2_000 && !http2.closed && !http2.destroyed; i++) {
    const stream = http2.request(head);
    stream.on("error", () => {});
    stream.close(8);
    if (i % 100 === 99) await sleep(1);
  }
  http2.destroy();
  socket.destroy();
}

/** Sends headers of `bytes` in `count` parts; gives how the server took it. */
export async function headerFlood(
  port: number,
  { count, bytes, proof }: { count: number; bytes: number; proof?: Proof | undefined },
): Promise<string> {
  const { http2, socket } = await session(port, proof);
  const fields = Array.from({ length: count }, (_, at) => [`x-${at}`, "v".repeat(bytes / count)]);
  const { promise, resolve } = Promise.withResolvers<string>();
  const stream = http2.request({ ...head, ...Object.fromEntries(fields) });
  stream.on("response", (headers) => resolve(`answered ${headers["grpc-status"] ?? ""}`));
  stream.on("error", (error) => resolve(error.message));
  stream.on("close", () => resolve("closed"));
  http2.on("close", () => resolve("connection closed"));
  stream.end();
  const timer = setTimeout(() => resolve("no answer"), 10_000);
  const outcome = await promise;
  clearTimeout(timer);
  http2.destroy();
  socket.destroy();
  return outcome;
}

/** Opens as many calls as it may and never says anything in them. */
export async function silentCalls(port: number, proof?: Proof): Promise<void> {
  const sessions = await Promise.all(Array.from({ length: 8 }, () => session(port, proof)));
  for (const { http2 } of sessions) {
    for (let i = 0; i < 200; i++) http2.request(head).on("error", () => {});
  }
  await sleep(200);
  for (const { http2, socket } of sessions) {
    http2.destroy();
    socket.destroy();
  }
}
