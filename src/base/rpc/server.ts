// A gRPC server: services with their handlers behind one gate, each call
// authorized before anything of it is read.
import type { DescMethod } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { sleep } from "../event/event.ts";
import type { Peer } from "../pki/peer.ts";
import { Gate, type GateLimits, type Listen, type ServerTls } from "./gate.ts";
import { ServerHealth } from "./health.ts";
import { type Call, decode, encode, methodPath, type Service } from "./method.ts";
import { reflection } from "./reflection.ts";
import { Code, RpcError } from "./rpc-error.ts";
import { limitMessages, ServerCall } from "./server-call.ts";

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
   * kept on a short leash. Asked once per connection. Absent: all are known.
   */
  readonly isMember?: ((certificates: readonly Uint8Array[]) => boolean) | undefined;
  /** Hears of failures that callers are not told about. */
  readonly onError?: ((method: DescMethod, error: unknown) => void) | undefined;
  readonly limits?: Partial<ServeLimits> | undefined;
  /** Describe the services to everyone who asks; default yes. */
  readonly withReflection?: boolean | undefined;
  /** Tell everyone which services serve; default yes. */
  readonly withHealth?: boolean | undefined;
}

/** Bounds that keep a hostile caller from hurting others. */
export interface ServeLimits extends GateLimits {
  /** Longest request. */
  readonly requestBytes: number;
  /** Calls at the same time on one connection. */
  readonly callsPerConnection: number;
  /** A connection without calls is closed after this. */
  readonly idleMs: number;
  /** How long the request of a unary call may take to arrive. */
  readonly requestMs: number;
  /** Longest request of a stranger. */
  readonly strangerRequestBytes: number;
  /** Calls of all strangers together at the same time. */
  readonly strangerCalls: number;
}

const defaultLimits: ServeLimits = {
  connections: 20_000,
  strangers: 512,
  handshakeMs: 10_000,
  requestBytes: 4 << 20,
  callsPerConnection: 256,
  idleMs: 120_000,
  requestMs: 30_000,
  // Together at most 64 MiB, however many strangers there are.
  strangerRequestBytes: 64 << 10,
  strangerCalls: 1_024,
};

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Where it listens; 0 for unix sockets. */
  readonly port: number;
  /** What health checks are told. */
  readonly health: ServerHealth;
  /** Uses another key and certificate for new connections. */
  reload(security: ServerTls): void;
  /** Ends the calls of everyone who is not welcome any more; they are told so. */
  revoke(isRevoked: (peer: Peer) => boolean): void;
  /** Refuses new calls, gives the others `graceMs` (default 1 s), then ends them. */
  close(graceMs?: number): Promise<void>;
}

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
  #strangerCalls = 0;
  readonly #routes = new Map<string, Route>();
  readonly #calls = new Set<ServerCall>();
  readonly #grpc: grpc.Server;
  readonly #injector: grpc.ConnectionInjector;
  readonly #gate: Gate;
  #isClosing = false;

  constructor(options: ServeOptions) {
    const limits = { ...defaultLimits, ...options.limits };
    this.#options = options;
    this.#limits = limits;
    this.#grpc = new grpc.Server({
      ...serverOptions(limits),
      interceptors: [(definition, wire) => this.#intercept(definition.path, wire)],
    });
    this.health = new ServerHealth(options.services.map(({ desc }) => desc));
    const services = [...options.services];
    if (options.withHealth !== false) services.push(this.health.service());
    const described = services.map(({ desc }) => desc);
    if (options.withReflection !== false) services.push(...reflection(described));
    for (const service of services) this.#register(service);
    this.#injector = this.#grpc.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    this.#gate = new Gate({
      tls: options.tls,
      limits,
      isMember: options.isMember ?? (() => true),
      admit: (socket) => this.#injector.injectConnection(socket),
    });
  }

  #register({ desc, handlers, isPublic = false }: Service): void {
    for (const method of desc.methods) {
      const handler = handlers[method.localName];
      const path = methodPath(method);
      // What is given first wins: a server may bring its own health service.
      if (handler === undefined || this.#routes.has(path)) continue;
      this.#routes.set(path, { method, handler, isPublic });
      // All methods look bidirectional to grpc-js: how many messages there are is for us.
      this.#grpc.register(
        path,
        () => {},
        (response: Init) => encode(method.output, response),
        (request) => decode(method.input, request),
        "bidi",
      );
    }
  }

  revoke(isRevoked: (peer: Peer) => boolean): void {
    const reason = new RpcError(Code.unauthenticated, "access was revoked");
    for (const call of this.#calls) {
      if (call.peer !== undefined && isRevoked(call.peer)) call.abort(reason);
    }
  }

  async listen(): Promise<void> {
    this.port = await this.#gate.listen(this.#options.listen);
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
    const connection = this.#gate.connection(wire.getConnectionInfo());
    const call = new ServerCall(wire, route.method, connection);
    this.#calls.add(call);
    if (!connection.isMember) this.#strangerCalls++;
    call.start();
    try {
      if (this.#isClosing) throw new RpcError(Code.unavailable, "the server is closing");
      if (!connection.isMember) this.#leash(wire);
      if (!route.isPublic) await this.#options.authorize(call);
      await dispatch(route, call, this.#limits.requestMs);
      call.end(Code.ok, "");
    } catch (error) {
      this.#fail(call, error);
    } finally {
      this.#calls.delete(call);
      if (!connection.isMember) this.#strangerCalls--;
      call.abort();
    }
  }

  /** Bounds what strangers can make us hold. */
  #leash(wire: grpc.ServerInterceptingCallInterface): void {
    limitMessages(wire, this.#limits.strangerRequestBytes);
    if (this.#strangerCalls > this.#limits.strangerCalls) {
      throw new RpcError(Code.resourceExhausted, "too many calls from strangers");
    }
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
    this.#gate.reload(security);
  }

  async close(graceMs = 1_000): Promise<void> {
    this.#isClosing = true;
    this.health.set(false);
    this.#gate.shut();
    // Tells clients to take their next calls elsewhere.
    this.#injector.drain(graceMs);
    const deadline = performance.now() + graceMs;
    while (this.#calls.size > 0 && performance.now() < deadline) await sleep(5);
    for (const call of this.#calls) call.end(Code.unavailable, "the server is closing");
    // A moment for the statuses to leave.
    await sleep(5);
    this.#grpc.forceShutdown();
    this.#gate.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }
}

function serverOptions(limits: ServeLimits): grpc.ServerOptions {
  return {
    "grpc.max_receive_message_length": limits.requestBytes,
    "grpc.max_concurrent_streams": limits.callsPerConnection,
    "grpc.max_connection_idle_ms": limits.idleMs,
    // Finds callers that vanished without a word.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.enable_channelz": 0,
  };
}

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
