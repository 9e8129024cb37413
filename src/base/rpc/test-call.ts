// A call for tests of handlers: no connection, no server.
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import type { Call } from "./method.ts";

/** A call that lives for ever, from nobody, unless told otherwise. */
export function testCall(given: Partial<Call> = {}): Call {
  return {
    signal: new AbortController().signal,
    peerCertificates: [],
    remoteAddress: "127.0.0.1",
    method: Health.method.check,
    peer: undefined,
    ...given,
  };
}
