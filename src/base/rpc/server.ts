// A gRPC server: services with their handlers behind one acceptor, each call
// authorized before anything of it is read.
import type { Http2Server, ServerHttp2Stream } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { sleep } from "../event/event.ts";
import type { Peer } from "../pki/peer.ts";
import {
  Acceptor,
  type Connection,
  type Listen,
  type ServerTls,
  type SocketAddresses,
} from "./acceptor.ts";
import { CallLimits } from "./call-limits.ts";
import { ServerHealth } from "./health.ts";
import type { KnownOrigins } from "./known-origins.ts";
import { type ServeLimits, usualLimits } from "./limits.ts";
import { type Call, decode, encode, methodPath, type Service } from "./method.ts";
import { reflection } from "./reflection.ts";
import { Code, RpcError } from "./rpc-error.ts";
import { isCompressed, limitMessages, ServerCall } from "./server-call.ts";

/** What a server serves, to whom, where. */
export interface ServeOptions {
  readonly services: readonly Service[];
  /** Admits a call, or throws an RpcError; sets `call.peer`. */
  readonly authorize: (call: Call) => Promise<void> | void;
  readonly listen: Listen;
  /** Absent: plain, for unix sockets and tests. */
  readonly tls?: ServerTls | undefined;
  /**
   * Tells whether certificates are those of somebody we know; everyone else is
   * held to narrower limits. Asked once per connection. Absent: all are known.
   */
  readonly isMember?: ((certificates: readonly Uint8Array[]) => boolean) | undefined;
  /**
   * Tells nodes from users among members: they have little to say, and are held to that. Absent:
   * none is a node.
   */
  readonly isNode?: ((certificates: readonly Uint8Array[]) => boolean) | undefined;
  /** Where members were seen, for servers that follow each other on one port. */
  readonly knownOrigins?: KnownOrigins | undefined;
  /** Hears of failures that callers are not told about. */
  readonly onError?: ((method: DescMethod, error: unknown) => void) | undefined;
  /** What differs from {@link usualLimits}. */
  readonly limits?: Partial<ServeLimits> | undefined;
  /** Describe the services to everyone who asks; default yes. */
  readonly withReflection?: boolean | undefined;
  /** Tell everyone which services serve; default yes. */
  readonly withHealth?: boolean | undefined;
}

/** How often to look for calls that have outlived their caller's certificate. */
const OUTDATED_MS = 1_000;

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Where it listens; 0 for unix sockets. */
  readonly port: number;
  /** What health checks are told. */
  readonly health: ServerHealth;
  /** Uses another key and certificate for new connections. */
  reload(security: ServerTls): void;
  /**
   * Ends the calls of everyone who is not welcome any more; they are told so. Connections of
   * members that are none any more end a little later.
   */
  revoke(isRevoked: (peer: Peer) => boolean): void;
  /** Refuses new calls, gives the others `graceMs` (default 1 s), then ends them. */
  close(graceMs?: number): Promise<void>;
}

/** Between the last words of a server and the end of its connections. */
const GOODBYE_MS = 5;

interface Route {
  readonly method: DescMethod;
  readonly handler: unknown;
  readonly isPublic: boolean;
}

/** Starts a server. */
export async function serve(options: ServeOptions): Promise<Server> {
  const running = new RunningServer(options);
  await running.listen();
  return running;
}

class RunningServer implements Server {
  port = 0;
  readonly health: ServerHealth;
  readonly #options: ServeOptions;
  readonly #limits: ServeLimits;
  readonly #callLimits: CallLimits;
  readonly #routes = new Map<string, Route>();
  readonly #calls = new Set<ServerCall>();
  /** Two servers, as each has one set of limits: what strangers send meets that of the second. */
  readonly #servers: { readonly members: GrpcServer; readonly strangers: GrpcServer };
  readonly #acceptor: Acceptor;
  #isClosing = false;
  #watching: ReturnType<typeof setInterval> | undefined;

  constructor(options: ServeOptions) {
    const limits = { ...usualLimits, ...options.limits };
    this.#options = options;
    this.#limits = limits;
    this.#callLimits = new CallLimits(limits);
    this.health = new ServerHealth(options.services.map(({ desc }) => desc));
    const services = [...options.services];
    if (options.withHealth !== false) services.push(this.health.service());
    const described = services.map(({ desc }) => desc);
    if (options.withReflection !== false) services.push(...reflection(described));
    for (const service of services) this.#register(service);
    this.#servers = {
      members: this.#grpcServer(memberOptions(limits)),
      strangers: this.#grpcServer(strangerOptions(limits)),
    };
    const { members, strangers } = this.#servers;
    this.#acceptor = new Acceptor({
      ...options,
      limits,
      admit: (stream, isMember) =>
        (isMember ? members : strangers).injector.injectConnection(stream),
    });
  }

  #grpcServer(options: grpc.ServerOptions): GrpcServer {
    const server = new grpc.Server({
      ...options,
      interceptors: [(definition, wire) => this.#intercept(definition.path, wire)],
    });
    for (const [path, { method }] of this.#routes) {
      // All methods look bidirectional to grpc-js: how many messages there are is for us.
      server.register(
        path,
        () => {},
        (response: Init) => encode(method.output, response),
        (request) => decode(method.input, request),
        "bidi",
      );
    }
    const credentials = grpc.ServerCredentials.createInsecure();
    const injector = server.createConnectionInjector(credentials);
    onStreams(server, (addresses) => this.#callLimits.begin(this.#acceptor.connection(addresses)));
    return { server, injector };
  }

  #register({ desc, handlers, isPublic = false }: Service): void {
    for (const method of desc.methods) {
      const handler = handlers[method.localName];
      const path = methodPath(method);
      // What is given first wins: a server may bring its own health service.
      if (handler === undefined || this.#routes.has(path)) continue;
      this.#routes.set(path, { method, handler, isPublic });
    }
  }

  revoke(isRevoked: (peer: Peer) => boolean): void {
    const reason = new RpcError(Code.unauthenticated, "access was revoked");
    for (const call of this.#calls) {
      if (call.peer !== undefined && isRevoked(call.peer)) call.abort(reason);
    }
    // Until then they are told at each call why.
    setTimeout(() => this.#acceptor.recheck(), this.#limits.revokedGraceMs).unref();
  }

  async listen(): Promise<void> {
    this.port = await this.#acceptor.listen(this.#options.listen);
    this.#watching = setInterval(() => this.#endOutdated(), OUTDATED_MS);
    this.#watching.unref();
  }

  /** Certificates end, and with them what was begun under them. */
  #endOutdated(): void {
    const now = Date.now();
    const reason = new RpcError(Code.unauthenticated, "the caller's certificate has ended");
    for (const call of this.#calls) {
      const { peer } = call;
      if (peer === undefined || peer.kind === "anonymous") continue;
      if (peer.until !== undefined && now > peer.until) call.abort(reason);
    }
  }

  /** Takes a call away from grpc-js, which gets one that never starts. */
  #intercept(
    path: string,
    wire: grpc.ServerInterceptingCallInterface,
  ): grpc.ServerInterceptingCall {
    const route = this.#routes.get(path);
    if (route !== undefined) void this.#run(route, wire);
    return new grpc.ServerInterceptingCall(wire, { start: () => {} });
  }

  async #run(route: Route, wire: grpc.ServerInterceptingCallInterface): Promise<void> {
    const connection = this.#acceptor.connection(wire.getConnectionInfo());
    const call = new ServerCall(wire, route.method, connection);
    this.#calls.add(call);
    call.start();
    try {
      if (this.#isClosing) throw new RpcError(Code.unavailable, "the server is closing");
      if (isCompressed(wire)) throw new RpcError(Code.unimplemented, "requests are not compressed");
      this.#callLimits.enter(call, connection);
      if (!route.isPublic) await this.#options.authorize(call);
      this.#limitRequest(call, connection, wire);
      await dispatch(route, call, this.#limits.requestMs);
      call.end(Code.ok, "");
    } catch (error) {
      this.#fail(call, error);
    } finally {
      this.#calls.delete(call);
      this.#callLimits.leave(call, connection);
      call.abort();
    }
  }

  /** Bounds what anyone but a user can make us hold; of strangers, their own server does. */
  #limitRequest({ peer }: Call, { isMember, origin }: Connection, wire: Wire): void {
    const isCounted = isMember && origin !== "";
    if (isCounted && peer?.kind !== "user") limitMessages(wire, this.#limits.nodeRequestBytes);
  }

  #fail(call: ServerCall, error: unknown): void {
    if (error instanceof RpcError) {
      call.end(error.code, error.message);
    } else if (call.signal.aborted) {
      // Whatever a handler threw after its caller left is only an echo of that.
      call.end(Code.cancelled, "the call is over");
    } else {
      // Only the name of the trouble goes out: the text may hold secrets.
      call.end(Code.internal, "internal error");
      this.#options.onError?.(call.method, error);
    }
  }

  reload(security: ServerTls): void {
    this.#acceptor.reload(security);
  }

  async close(graceMs = 1_000): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#watching);
    this.health.set(false);
    this.#acceptor.shut();
    const servers = Object.values(this.#servers);
    // Tells clients to take their next calls elsewhere.
    for (const { injector } of servers) injector.drain(graceMs);
    const deadline = performance.now() + graceMs;
    while (this.#calls.size > 0 && performance.now() < deadline) await sleep(5);
    for (const call of this.#calls) call.end(Code.unavailable, "the server is closing");
    // A moment for the statuses to leave.
    await sleep(GOODBYE_MS);
    for (const { server } of servers) server.forceShutdown();
    this.#acceptor.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }
}

/** A server of grpc-js, which never listens: the acceptor gives it its connections. */
interface GrpcServer {
  readonly server: grpc.Server;
  readonly injector: grpc.ConnectionInjector;
}

/**
 * Hears of every stream that a client begins. grpc-js tells only of those that are calls of a
 * method it knows, and answers the others by itself, so this reaches into it; a test holds its
 * version to it.
 */
function onStreams(server: grpc.Server, hear: (addresses: SocketAddresses) => void): void {
  const http2Servers: unknown = Reflect.get(server, "http2Servers");
  if (!(http2Servers instanceof Map)) return;
  for (const http2Server of http2Servers.keys() as MapIterator<Http2Server>) {
    http2Server.prependListener("stream", ({ session }: ServerHttp2Stream) => {
      if (session?.socket !== undefined) hear(session.socket);
    });
  }
}

const common: grpc.ServerOptions = {
  // Finds callers that vanished without a word.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.enable_channelz": 0,
};

function memberOptions(limits: ServeLimits): grpc.ServerOptions {
  return {
    ...common,
    "grpc.max_receive_message_length": limits.requestBytes,
    "grpc.max_concurrent_streams": limits.callsPerConnection,
    "grpc.max_connection_idle_ms": limits.idleMs,
  };
}

function strangerOptions(limits: ServeLimits): grpc.ServerOptions {
  return {
    ...common,
    "grpc.max_receive_message_length": limits.strangerRequestBytes,
    "grpc.max_concurrent_streams": limits.strangerCallsPerConnection,
    "grpc.max_connection_idle_ms": Math.min(limits.strangerIdleMs, limits.idleMs),
  };
}

type Wire = grpc.ServerInterceptingCallInterface;
type Init = Parameters<typeof encode>[1];
type Unary = (request: unknown, call: Call) => Promise<Init>;
type Stream = (request: unknown, call: Call) => AsyncIterable<Init>;

/** Runs the handler in the way of its kind; `service()` has checked the types. */
async function dispatch(
  { method, handler }: Route,
  call: ServerCall,
  requestMs: number,
): Promise<void> {
  switch (method.methodKind) {
    case "unary":
      return call.send(await (handler as Unary)(await call.single(requestMs), call));
    case "server_streaming":
      return call.sendAll((handler as Stream)(await call.single(requestMs), call));
    case "bidi_streaming":
      return call.sendAll((handler as Stream)(call.requests(), call));
    default:
      throw new RpcError(Code.unimplemented, `unknown kind of method ${method.name}`);
  }
}
