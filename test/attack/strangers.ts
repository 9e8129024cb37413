// What strangers do to a port, from as many addresses of the loopback as they like: sockets,
// sessions of HTTP/2 without gRPC's good manners, and calls made by hand.
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { sleep } from "../../src/base/event/event.ts";
import type { Proof } from "../cluster/control-plane.ts";

const HOST = "127.0.0.1";

/** An address of the loopback, another one for each number. */
export function botAddress(number: number): string {
  return `127.66.${(number >> 8) & 255}.${number & 255}`;
}

/** A connection that says nothing; it may be refused at any time. */
export function silentSocket(port: number, localAddress: string): Socket {
  const socket = connectTcp({ host: HOST, port, localAddress });
  socket.on("error", () => {}).resume();
  return socket;
}

/** A connection that begins a handshake and does not go on. */
export function halfHandshake(port: number, localAddress: string): Socket {
  const socket = silentSocket(port, localAddress);
  // The head of a record of 512 bytes that holds a ClientHello.
  socket.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03));
  return socket;
}

/** A TLS connection; ready when `secureConnect` has come. */
export function secureSocket(port: number, localAddress: string, proof?: Proof): TLSSocket {
  const own = proof === undefined ? {} : { key: proof.keyPem, cert: proof.certificatePem };
  const socket = connectTls({
    ...{ host: HOST, port, localAddress, rejectUnauthorized: false, ALPNProtocols: ["h2"] },
    ...own,
  });
  socket.on("error", () => {});
  return socket;
}

/** A session of HTTP/2, or undefined where it was not let in. */
export async function session(
  port: number,
  localAddress: string,
  proof?: Proof,
): Promise<ClientHttp2Session | undefined> {
  const socket = secureSocket(port, localAddress, proof);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("secureConnect", () => resolve(true));
  socket.once("close", () => resolve(false));
  if (!(await promise)) return undefined;
  socket.pause();
  const http2 = connectHttp2(`https://${HOST}:${port}`, { createConnection: () => socket });
  http2.on("error", () => {});
  return http2;
}

/** Begins a call, and sends nothing in it yet. */
export function beginCall(
  http2: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
) {
  const stream = http2.request({
    ...{ ":method": "POST", ":path": path, te: "trailers" },
    ...{ "content-type": "application/grpc", ...headers },
  });
  stream.on("error", () => {});
  return stream.resume();
}

/** A message of gRPC that holds nothing but one unknown field of so many bytes. */
export function bigMessage(bytes: number): Buffer {
  const message = Buffer.alloc(bytes);
  // Field 1000, length-delimited, with its length as a varint of four bytes.
  const field = [0xc2, 0x3e];
  const length = bytes - field.length - 4;
  message.set([...field, length | 128, (length >> 7) | 128, (length >> 14) | 128, length >> 21]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes, 1);
  return Buffer.concat([head, message]);
}

/** Does something again and again for as long as other work takes. */
export async function during<T>(
  attack: () => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  let isOver = false;
  const attacking = (async () => {
    while (!isOver) {
      await attack();
      await sleep(20);
    }
  })();
  try {
    return await work();
  } finally {
    isOver = true;
    await attacking;
  }
}
