// A stranger's connection, of which only so much is read in a second: whatever HTTP/2
// can be made to do by a flood of frames, it does as slowly as this lets them in.
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Rate } from "./limits.ts";

/** Wraps a socket; ends and fails with it. */
export class ThrottledSocket extends Duplex {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly #socket: Socket;
  readonly #rate: Rate;
  /** Bytes that may still be read; what was too much is owed. */
  #credit: number;
  #at = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, rate: Rate) {
    super();
    this.#socket = socket;
    this.#rate = rate;
    this.#credit = rate.burst;
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.once("end", () => this.push(null));
    socket.once("error", (error) => this.destroy(error));
    socket.once("close", () => this.destroy());
  }

  #take(chunk: Buffer): void {
    const { burst, perSecond } = this.#rate;
    const now = performance.now();
    const earned = ((now - this.#at) / 1_000) * perSecond;
    this.#credit = Math.min(burst, this.#credit + earned) - chunk.length;
    this.#at = now;
    if (this.#credit < 0) this.#rest((-this.#credit / perSecond) * 1_000);
    if (!this.push(chunk)) this.#socket.pause();
  }

  #rest(ms: number): void {
    this.#socket.pause();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#socket.resume();
    }, ms);
  }

  override _read(): void {
    if (this.#timer === undefined) this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
    done(error);
  }
}
