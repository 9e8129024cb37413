// One call on the server, over grpc-js's intercepting call. We take the call
// over before grpc-js reads from it: so a stranger is refused before his
// message takes memory, reads happen one by one as the handler asks, and a
// handler waits while the caller does not read.
import type { DescMethod } from "@bufbuild/protobuf";
import type * as grpc from "@grpc/grpc-js";
import type { Peer } from "../pki/peer.ts";
import type { Call, decode, encode } from "./method.ts";
import { Code, RpcError } from "./rpc-error.ts";

type Message = ReturnType<typeof decode>;
type Init = Parameters<typeof encode>[1];

/** Longest status text sent; longer ones would not fit into the trailers. */
const MAX_DETAILS = 2_000;

/** What the server knows about a call before it starts. */
export interface Caller {
  readonly peerCertificates: readonly Uint8Array[];
  readonly remoteAddress: string;
}

/** A call being served. */
export class ServerCall implements Call {
  readonly method: DescMethod;
  readonly peerCertificates: readonly Uint8Array[];
  readonly remoteAddress: string;
  peer: Peer | undefined;
  readonly #wire: grpc.ServerInterceptingCallInterface;
  readonly #gone = new AbortController();
  #read: PromiseWithResolvers<Message | undefined> | undefined;
  #isHalfClosed = false;

  constructor(wire: grpc.ServerInterceptingCallInterface, method: DescMethod, caller: Caller) {
    this.#wire = wire;
    this.method = method;
    this.peerCertificates = caller.peerCertificates;
    this.remoteAddress = caller.remoteAddress;
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Begins to listen; before that, nothing is read. */
  start(): void {
    this.#wire.start({
      onReceiveMetadata: () => {},
      onReceiveMessage: (message: Message) => this.#settle(message),
      onReceiveHalfClose: () => {
        this.#isHalfClosed = true;
        this.#settle(undefined);
      },
      onCancel: () => this.abort(),
    });
  }

  #settle(message: Message | undefined): void {
    this.#read?.resolve(message);
    this.#read = undefined;
  }

  /** Ends the call for the handler: the caller is gone or not welcome, or the server goes. */
  abort(reason = new RpcError(Code.cancelled, "the call is over")): void {
    this.#gone.abort(reason);
    this.#read?.reject(reason);
    this.#read = undefined;
  }

  /** The next request, or undefined when the caller has no more. Never overlapping. */
  async read(): Promise<Message | undefined> {
    this.signal.throwIfAborted();
    if (this.#isHalfClosed) return undefined;
    this.#read = Promise.withResolvers();
    const { promise } = this.#read;
    this.#wire.startRead();
    return promise;
  }

  /** The one request of a method that takes one; it must arrive in time. */
  async single(timeoutMs: number): Promise<Message> {
    const late = new RpcError(Code.deadlineExceeded, "the request did not arrive in time");
    const timer = setTimeout(() => this.#read?.reject(late), timeoutMs);
    try {
      const request = await this.read();
      if (request === undefined) throw new RpcError(Code.invalidArgument, "no request message");
      if ((await this.read()) !== undefined) {
        throw new RpcError(Code.invalidArgument, "more than one request message");
      }
      return request;
    } finally {
      clearTimeout(timer);
    }
  }

  /** All requests, as they are asked for. */
  async *requests(): AsyncGenerator<Message> {
    for (;;) {
      const request = await this.read();
      if (request === undefined) return;
      yield request;
    }
  }

  /** Sends a response; resolves when the connection took it, throws when the caller is gone. */
  async send(response: Init): Promise<void> {
    await untilAborted(
      this.signal,
      new Promise<void>((resolve) => this.#wire.sendMessage(response, resolve)),
    );
  }

  /** Sends every response of a handler, and ends the handler with the call. */
  async sendAll(responses: AsyncIterable<Init>): Promise<void> {
    const source = responses[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await untilAborted(this.signal, source.next());
        if (next.done) return;
        await this.send(next.value);
      }
    } finally {
      // Not awaited: a handler that waits for news would hold us up.
      void Promise.resolve(source.return?.()).catch(() => {});
    }
  }

  /** Ends the call with a status. */
  end(code: Code, details: string): void {
    this.#wire.sendStatus({ code, details: details.toWellFormed().slice(0, MAX_DETAILS) });
  }
}

/**
 * Lowers the limit for the messages of one call. grpc-js knows only one limit
 * for a whole server, so this reaches into it; a test holds its version to it.
 */
export function limitMessages(wire: grpc.ServerInterceptingCallInterface, bytes: number): void {
  const decoder: unknown = Reflect.get(wire, "decoder");
  if (typeof decoder === "object" && decoder !== null && "maxReadMessageLength" in decoder) {
    decoder.maxReadMessageLength = bytes;
  }
}

/**
 * Whether a caller means to compress. A little of that becomes much, and costs a decompressor
 * for each message, however many of them one frame holds. Reaches into grpc-js as well.
 */
export function isCompressed(wire: grpc.ServerInterceptingCallInterface): boolean {
  const encoding: unknown = Reflect.get(wire, "incomingEncoding");
  return encoding !== "identity";
}

/** Waits for `work`, but no longer than until the signal aborts. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  // Nobody may be left to hear how the work went.
  work.catch(() => {});
  signal.throwIfAborted();
  // A listener of its own each time: racing against one lasting promise would
  // keep every message of a long stream alive.
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
