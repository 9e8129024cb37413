// One call of a client, over grpc-js's own call object: it sends and reads
// exactly when told to, which gives back-pressure both ways without streams.
import type { DescMethod } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { callFailure } from "./call-failure.ts";
import { type CallOptions, decode, encode, methodPath } from "./method.ts";
import { Code, RpcError, toCode } from "./rpc-error.ts";

/** How long a unary call may take when the caller does not say. */
export const UNARY_TIMEOUT_MS = 30_000;

/** How long a stream may wait for its connection. */
const CONNECT_TIMEOUT_MS = 20_000;

type Message = ReturnType<typeof decode>;
type Init = Parameters<typeof encode>[1];
type WireCall = ReturnType<grpc.ChannelInterface["createCall"]>;

/** What calls go through, and all that are on it. */
export interface Line {
  readonly channel: grpc.ChannelInterface;
  /** SOCKS5 proxy that it leads through. */
  readonly proxy: string | undefined;
  /** The library lets them go on when it closes; we do not. */
  readonly calls: Set<ClientCall>;
}

/** A call in progress. Reads must not overlap, nor must sends. */
export class ClientCall {
  readonly #wire: WireCall;
  readonly #method: DescMethod;
  readonly #unlisten: () => void;
  #received: Message[] = [];
  #status: grpc.StatusObject | undefined;
  #wakeReader: (() => void) | undefined;
  readonly #ended = Promise.withResolvers<void>();
  #sourceError: unknown;
  readonly #line: Line;

  constructor(line: Line, method: DescMethod, options: CallOptions) {
    this.#line = line;
    this.#method = method;
    this.#wire = this.#start(line.channel, options);
    this.#unlisten = this.#follow(options.signal);
    if (method.methodKind !== "unary") this.#guardConnection(line.channel);
    line.calls.add(this);
    void this.#ended.promise.then(() => line.calls.delete(this));
  }

  #start(channel: grpc.ChannelInterface, options: CallOptions): WireCall {
    const deadline = deadlineOf(this.#method, options);
    const wire = open(channel, methodPath(this.#method), deadline);
    const metadata = new grpc.Metadata();
    for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
    wire.start(metadata, {
      onReceiveMetadata: () => {},
      onReceiveMessage: (bytes: Buffer | null) => this.#receive(bytes),
      onReceiveStatus: (status) => this.#end(status),
    });
    return wire;
  }

  #receive(bytes: Buffer | null): void {
    if (bytes === null) return;
    try {
      this.#received.push(decode(this.#method.output, bytes));
      this.#wakeReader?.();
    } catch {
      this.#wire.cancelWithStatus(grpc.status.INTERNAL, "malformed response");
    }
  }

  #end(status: grpc.StatusObject): void {
    this.#status = status;
    this.#unlisten();
    this.#ended.resolve();
    this.#wakeReader?.();
  }

  /** Cancels the call with the caller's signal. */
  #follow(signal: AbortSignal | undefined): () => void {
    if (signal === undefined) return () => {};
    const onAbort = () => this.cancel();
    if (signal.aborted) queueMicrotask(onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    return () => signal.removeEventListener("abort", onAbort);
  }

  /** Streams have no deadline, so a silent host must be noticed otherwise. */
  #guardConnection(channel: grpc.ChannelInterface): void {
    const timer = setTimeout(() => {
      if (this.#status !== undefined) return;
      if (channel.getConnectivityState(false) === grpc.connectivityState.READY) return;
      this.#wire.cancelWithStatus(grpc.status.UNAVAILABLE, "no connection in time");
    }, CONNECT_TIMEOUT_MS);
    timer.unref();
    void this.#ended.promise.then(() => clearTimeout(timer));
  }

  /** Sends one request; resolves when the connection took it, or the call is over. */
  async send(init: Init): Promise<void> {
    const bytes = encode(this.#method.input, init);
    const sent = new Promise<void>((resolve) => {
      this.#wire.sendMessageWithContext({ callback: () => resolve() }, bytes);
    });
    await Promise.race([sent, this.#ended.promise]);
  }

  /** Sends all requests, for as long as the call lives; never rejects. */
  async sendAll(requests: AsyncIterable<Init> | Iterable<Init>): Promise<void> {
    const source = iterate(requests);
    try {
      for (;;) {
        const next = await Promise.race([source.next(), this.#ended.promise]);
        if (next === undefined || next.done || this.isOver) break;
        await this.send(next.value);
      }
      this.finish();
    } catch (error) {
      // The reader is told why, instead of a bare "cancelled".
      this.#sourceError = error;
      this.cancel();
    }
    // Not awaited: a source that waits for news would hold us up.
    source.return(undefined).catch(() => {});
  }

  /** Tells the server that no more requests come. */
  finish(): void {
    if (!this.isOver) this.#wire.halfClose();
  }

  get isOver(): boolean {
    return this.#status !== undefined;
  }

  /** The next response, or undefined after the last; throws how the call failed. */
  async read(): Promise<Message | undefined> {
    if (this.#received.length === 0 && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
        this.#wire.startRead();
      });
      this.#wakeReader = undefined;
    }
    const message = this.#received.shift();
    if (message === undefined) this.#throwFailure();
    return message;
  }

  #throwFailure(): void {
    if (this.#sourceError !== undefined) throw this.#sourceError;
    const status = this.#status;
    if (status === undefined || status.code === grpc.status.OK) return;
    throw callFailure(toCode(status.code), status.details, this.#line);
  }

  /** Ends the call early; does nothing when it is over. */
  cancel(): void {
    if (!this.isOver) this.#wire.cancelWithStatus(grpc.status.CANCELLED, "cancelled by the caller");
  }

  /** The only response of a unary call. */
  async single(): Promise<Message> {
    const message = await this.read();
    if (message === undefined) throw new RpcError(Code.internal, "the server sent no response");
    // The status comes last; without it the call has not succeeded.
    await this.#ended.promise;
    this.#throwFailure();
    return message;
  }
}

function open(channel: grpc.ChannelInterface, path: string, deadline: number): WireCall {
  try {
    return channel.createCall(path, deadline, null, null, null);
  } catch (cause) {
    throw new RpcError(Code.unavailable, "the channel is closed", { cause });
  }
}

async function* iterate(requests: AsyncIterable<Init> | Iterable<Init>): AsyncGenerator<Init> {
  yield* requests;
}

function deadlineOf({ methodKind }: DescMethod, { timeoutMs }: CallOptions): number {
  const fallback = methodKind === "unary" ? UNARY_TIMEOUT_MS : Number.POSITIVE_INFINITY;
  const limit = timeoutMs ?? fallback;
  return limit === Number.POSITIVE_INFINITY ? limit : Date.now() + limit;
}
