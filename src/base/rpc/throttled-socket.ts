// A stranger's connection, of which only so much is read in a second: whatever HTTP/2
// can be made to do by a flood of frames, it does as slowly as this lets them in. Connections
// are cheap, so what one has left is not all that counts: he shares budgets with others.
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ByteBudget } from "./byte-budget.ts";

/** Wraps a socket; ends and fails with it. */
export class ThrottledSocket extends Duplex {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly #socket: Socket;
  readonly #budgets: readonly ByteBudget[];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** What is read counts in each of the budgets. */
  constructor(socket: Socket, budgets: readonly ByteBudget[]) {
    super();
    this.#socket = socket;
    this.#budgets = budgets;
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.once("end", () => this.push(null));
    socket.once("error", (error) => this.destroy(error));
    socket.once("close", () => this.destroy());
    this.#rest();
  }

  #take(chunk: Buffer): void {
    for (const budget of this.#budgets) budget.spend(chunk.length);
    this.#rest();
    if (!this.push(chunk)) this.#socket.pause();
  }

  /** Reads no more until all budgets have room. */
  #rest(): void {
    const ms = Math.max(...this.#budgets.map(({ restMs }) => restMs));
    if (ms === 0) return;
    this.#socket.pause();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#rest();
      if (this.#timer === undefined) this.#socket.resume();
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
