// A server and a client to it, for tests of this room. The services of health
// and reflection serve as examples: between them they have every kind of call.
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  type Call,
  type Channel,
  connect,
  type Handler,
  type ServeOptions,
  type Server,
  serve,
  service,
} from "./rpc.ts";

type Check = Handler<typeof Health.method.check>;
type Watch = Handler<typeof Health.method.watch>;
type Info = Handler<typeof ServerReflection.method.serverReflectionInfo>;

/** Handlers of the services that tests borrow. */
export interface Handlers {
  readonly check?: Check;
  readonly watch?: Watch;
  readonly serverReflectionInfo?: Info;
}

/** A server with these handlers, and a channel to it. */
export class Pair implements AsyncDisposable {
  readonly server: Server;
  readonly channel: Channel;
  readonly errors: unknown[] = [];

  private constructor(server: Server, errors: unknown[]) {
    this.server = server;
    this.errors = errors;
    this.channel = connect({ target: `127.0.0.1:${server.port}`, credentials: "plain" });
  }

  static async start(handlers: Handlers, options: Partial<ServeOptions> = {}): Promise<Pair> {
    const errors: unknown[] = [];
    const server = await serve({
      services: [service(Health, handlers), service(ServerReflection, handlers)],
      authorize: () => {},
      listen: { host: "127.0.0.1", port: 0 },
      onError: (method, error) => errors.push(method.name, error),
      withHealth: false,
      withReflection: false,
      ...options,
    });
    return new Pair(server, errors);
  }

  get health() {
    return this.channel.client(Health);
  }

  get reflection() {
    return this.channel.client(ServerReflection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.close();
    await this.server.close(0);
  }
}

/** How a call failed: bun's own `rejects` would hold up the connection. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

/** A handler that never ends by itself, with the signal it was given. */
export function endless() {
  const started = Promise.withResolvers<AbortSignal>();
  const wait = async ({ signal }: Call) => {
    started.resolve(signal);
    await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return { status: 0 };
  };
  return { started: started.promise, check: (_: unknown, call: Call) => wait(call) };
}

/** Resolves when a signal aborts. */
export async function aborted(signal: AbortSignal): Promise<true> {
  if (signal.aborted) return true;
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(true), { once: true });
  });
}
