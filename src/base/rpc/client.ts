// A typed client for a service: one method for each of the service's, made
// from the descriptor.
import type { DescMethod } from "@bufbuild/protobuf";
import { ClientCall, type Line } from "./client-call.ts";
import type { AnyService, CallOptions, Client, encode } from "./method.ts";
import { Code, RpcError } from "./rpc-error.ts";

type Init = Parameters<typeof encode>[1];
type Requests = AsyncIterable<Init> | Iterable<Init>;

/** The methods of a service, called over a line. */
export function client<S extends AnyService>(line: Line, desc: S): Client<S> {
  const methods = desc.methods.map((method) => [method.localName, caller(line, method)]);
  // The descriptor is the type: each entry has the shape that Client<S> derives from it.
  return Object.fromEntries(methods) as Client<S>;
}

function caller(line: Line, method: DescMethod) {
  const open = (options: CallOptions = {}) => new ClientCall(line, method, options);
  switch (method.methodKind) {
    case "unary":
      return async (request: Init, options?: CallOptions) => unary(open(options), request);
    case "server_streaming":
      return (request: Init, options?: CallOptions) => responses(() => open(options), [request]);
    case "bidi_streaming":
      return (requests: Requests, options?: CallOptions) =>
        responses(() => open(options), requests);
    default:
      throw new RpcError(Code.internal, `unknown kind of method ${method.name}`);
  }
}

async function unary(call: ClientCall, request: Init) {
  try {
    const sent = call.send(request);
    call.finish();
    await sent;
    return await call.single();
  } finally {
    call.cancel();
  }
}

/** Opens the call with the first read, and cancels it when the reader stops early. */
async function* responses(open: () => ClientCall, requests: Requests) {
  const call = open();
  void call.sendAll(requests);
  try {
    for (;;) {
      const message = await call.read();
      if (message === undefined) break;
      yield message;
    }
  } finally {
    call.cancel();
  }
}
