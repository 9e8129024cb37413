// Types that follow from a service's descriptor: what its handlers take and
// give, what its client offers, and how its messages become bytes.
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import type { Peer } from "../pki/peer.ts";

/** What a handler learns about the call it serves. */
export interface Call {
  /** Aborted when the caller goes away, the deadline passes or the server closes. */
  readonly signal: AbortSignal;
  /** The certificates the caller proved in TLS, DER; nobody has judged them yet. */
  readonly peerCertificates: readonly Uint8Array[];
  /** IP address of the caller; empty for unix sockets. */
  readonly remoteAddress: string;
  readonly method: DescMethod;
  /** Who calls, set by the server's `authorize`; undefined where it set nobody. */
  peer: Peer | undefined;
}

/** What may be told to one client call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Ends the call with deadlineExceeded; unary calls have a default, streams none. */
  readonly timeoutMs?: number | undefined;
  /** Headers to send along. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** The request of a method as its handler receives it. */
export type Request<M> = M extends { input: infer I extends DescMessage } ? MessageShape<I> : never;
/** The response of a method as its caller receives it. */
export type Response<M> = M extends { output: infer O extends DescMessage }
  ? MessageShape<O>
  : never;
/** The request of a method as its caller may write it. */
export type RequestInit<M> = M extends { input: infer I extends DescMessage }
  ? MessageInitShape<I>
  : never;
/** The response of a method as its handler may write it. */
export type ResponseInit<M> = M extends { output: infer O extends DescMessage }
  ? MessageInitShape<O>
  : never;

interface Handlers<M> {
  unary: (request: Request<M>, call: Call) => Promise<ResponseInit<M>>;
  server_streaming: (request: Request<M>, call: Call) => AsyncIterable<ResponseInit<M>>;
  bidi_streaming: (
    requests: AsyncIterable<Request<M>>,
    call: Call,
  ) => AsyncIterable<ResponseInit<M>>;
}

type Requests<M> = AsyncIterable<RequestInit<M>> | Iterable<RequestInit<M>>;

interface Callers<M> {
  unary: (request: RequestInit<M>, options?: CallOptions) => Promise<Response<M>>;
  server_streaming: (request: RequestInit<M>, options?: CallOptions) => AsyncIterable<Response<M>>;
  bidi_streaming: (requests: Requests<M>, options?: CallOptions) => AsyncIterable<Response<M>>;
}

/** The function that serves a method, such as `Handler<typeof Management.method.getNodes>`. */
export type Handler<M> = M extends { methodKind: infer K extends keyof Handlers<M> }
  ? Handlers<M>[K]
  : never;

type Caller<M> = M extends { methodKind: infer K extends keyof Callers<M> } ? Callers<M>[K] : never;

/** All handlers of a service, by method name. */
export type Implementation<S> =
  S extends GenService<infer Methods>
    ? { readonly [K in keyof Methods]: Handler<Methods[K]> }
    : never;

/** The methods of a service as a caller sees them. */
export type Client<S> =
  S extends GenService<infer Methods>
    ? { readonly [K in keyof Methods]: Caller<Methods[K]> }
    : never;

/** Any generated service. */
export type AnyService = GenService<GenServiceMethods>;

/** A service with its handlers, ready for a server. */
export interface Service {
  readonly desc: AnyService;
  /** By method name; a method without a handler answers unimplemented. */
  readonly handlers: Readonly<Record<string, unknown>>;
  /** Served to everyone, without asking `authorize`. */
  readonly isPublic?: boolean;
}

/** Puts a service and its handlers together; handlers may be missing. */
export function service<S extends AnyService>(
  desc: S,
  handlers: Partial<Implementation<S>>,
): Service {
  return { desc, handlers };
}

/** The path of a method in HTTP/2 requests. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** A message, or what makes one, as bytes. */
export function encode(schema: DescMessage, init: MessageInitShape<DescMessage>): Buffer {
  const bytes = toBinary(schema, create(schema, init));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Bytes from the wire as a message; throws on malformed ones. Fields that nobody here knows are
 * dropped: kept with the rest, they would be room that no check of ours looks at.
 */
export function decode(schema: DescMessage, bytes: Uint8Array): MessageShape<DescMessage> {
  return fromBinary(schema, bytes, { readUnknownFields: false });
}
