// For tests of calls: one without connection and server, and what became of one.
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import type { Call } from "./method.ts";
import { Code, RpcError } from "./rpc-error.ts";

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

/** The code that a call ends with. Caught by hand: bun's own `rejects` would hold up connections. */
export async function codeOf(call: Promise<unknown>): Promise<Code> {
  try {
    await call;
    return Code.ok;
  } catch (error) {
    if (error instanceof RpcError) return error.code;
    throw error;
  }
}
