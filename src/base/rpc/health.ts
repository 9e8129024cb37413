// The health service of gRPC: which services of a server serve, now and on
// every change.
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { Value } from "../event/event.ts";
import { type AnyService, type Service, service } from "./method.ts";
import { Code, RpcError } from "./rpc-error.ts";

/** The server as a whole, by the name the protocol gives it. */
const WHOLE_SERVER = "";

/** The health of one server. */
export class ServerHealth {
  readonly #states = new Map<string, Value<Status>>();

  constructor(services: readonly AnyService[]) {
    for (const name of [WHOLE_SERVER, ...services.map(({ typeName }) => typeName)]) {
      this.#states.set(name, new Value<Status>(Status.SERVING));
    }
  }

  /** Says whether a service of this server, or the whole server, serves. */
  set(isServing: boolean, typeName = WHOLE_SERVER): void {
    this.#states.get(typeName)?.set(isServing ? Status.SERVING : Status.NOT_SERVING);
  }

  /** The service that tells callers. */
  service(): Service {
    const states = this.#states;
    const handlers = service(Health, {
      check: async ({ service: name }) => {
        const state = states.get(name);
        if (state === undefined) throw new RpcError(Code.notFound, `no service ${name}`);
        return { status: state.current ?? Status.UNKNOWN };
      },
      watch: async function* ({ service: name }, { signal }) {
        // Services do not come later here, but the protocol wants the stream to stay open.
        const state = states.get(name) ?? new Value<Status>(Status.SERVICE_UNKNOWN);
        for await (const status of state.watch(signal)) yield { status };
      },
    });
    return { ...handlers, isPublic: true };
  }
}
