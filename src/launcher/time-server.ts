// An NTP server (RFC 5905, server mode only) that tells the host's own time: a
// private network needs one, and a time daemon installed on the host for it
// would take over the host's clock. Pure codec first, then the socket.
import { createSocket } from "node:dgram";

const PACKET_BYTES = 48;
/** Seconds from 1900, where NTP counts from, to 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800;
const MODE_CLIENT = 3;
const MODE_SERVER = 4;

/** Writes a time as NTP's 32.32 fixed point seconds. */
function writeTime(view: DataView, offset: number, milliseconds: number): void {
  const seconds = Math.floor(milliseconds / 1000);
  const fraction = Math.floor(((milliseconds - seconds * 1000) / 1000) * 2 ** 32);
  view.setUint32(offset, (seconds + NTP_EPOCH_SECONDS) % 2 ** 32);
  view.setUint32(offset + 4, fraction);
}

/**
 * The answer to a request, or undefined when it is not one: a server answers
 * clients only, so that two servers can never answer each other for ever.
 */
export function timeReply(request: Uint8Array, now: number): Uint8Array | undefined {
  const first = request[0] ?? 0;
  if (request.length < PACKET_BYTES || (first & 7) !== MODE_CLIENT) return undefined;
  const reply = new Uint8Array(PACKET_BYTES);
  const view = new DataView(reply.buffer);
  const version = (first >> 3) & 7;
  view.setUint8(0, (version << 3) | MODE_SERVER);
  view.setUint8(1, 1); // stratum: we are the reference
  view.setUint8(2, request[2] ?? 6); // the client's own poll interval
  view.setInt8(3, -10); // precision: about a millisecond
  view.setUint32(8, 1 << 4); // root dispersion, 16.16: clients distrust a perfect zero
  reply.set(new TextEncoder().encode("LOCL"), 12);
  writeTime(view, 16, now);
  reply.set(request.subarray(40, 48), 24); // origin: what the client sent
  writeTime(view, 32, now);
  writeTime(view, 40, now);
  return reply;
}

/** A running time server. */
export interface TimeServer {
  readonly port: number;
  close(): void;
}

/** Serves time over IPv4 and IPv6. `now` is the clock, in milliseconds since 1970. */
export async function serveTime(port = 123, now: () => number = Date.now): Promise<TimeServer> {
  const socket = createSocket({ type: "udp6", ipv6Only: false });
  socket.on("message", (request, from) => {
    const reply = timeReply(request, now());
    if (reply !== undefined) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, "::", resolve);
  });
  return { port: socket.address().port, close: () => socket.close() };
}

/** A time server that can be silent, and can be wrong. */
export class SwitchedTime {
  readonly #port: number;
  #server: TimeServer | undefined;

  constructor(port = 123) {
    this.#port = port;
  }

  /** Says so much more than the host's time from now on; nothing where that is absent. */
  async tell(aheadMs: number | undefined): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
    if (aheadMs === undefined) return;
    this.#server = await serveTime(this.#port, () => Date.now() + aheadMs);
  }
}
