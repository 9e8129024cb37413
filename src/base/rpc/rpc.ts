// gRPC as the rest of the house sees it: typed services and clients made from
// protobuf descriptors, over grpc-js.
//
//   connect() ── Channel ── client(Service) ── ClientCall ─────┐
//                                                              │ HTTP/2, TLS 1.3
//   serve() ── Acceptor ── authorize ── ServerCall ── handler ─┘
//
// TLS libraries judge nobody here: the server is handed every certificate
// that a caller proved, and the client has one function that says yes or no.

export type { Listen, ServerTls } from "./acceptor.ts";
export { originOf } from "./address.ts";
export { Agreement, type Endpoint, type Known, type Vote } from "./agreement.ts";
export { Attempts } from "./attempts.ts";
export { authorizeByOption, memberOf, noUserOf } from "./authorization.ts";
export { type Channel, type ConnectOptions, connect } from "./channel.ts";
export { type ClientTls, TlsError } from "./credentials.ts";
export type { ServerHealth } from "./health.ts";
export { KnownOrigins } from "./known-origins.ts";
export { leaderChannel } from "./leader-channel.ts";
export type { LeaderOptions, LeaderTiming } from "./leader-search.ts";
export { type Rate, type ServeLimits, smallLimits, usualLimits } from "./limits.ts";
export {
  type AnyService,
  type Call,
  type CallOptions,
  type Client,
  type Handler,
  type Implementation,
  type Request,
  type RequestInit,
  type Response,
  type ResponseInit,
  type Service,
  service,
} from "./method.ts";
export { isReplaced, requireOwner } from "./owner.ts";
export { RateLimiter } from "./rate-limiter.ts";
export { Code, codeName, NoConnectionError, RpcError } from "./rpc-error.ts";
export { type ServeOptions, type Server, serve } from "./server.ts";
export { testCall } from "./test-call.ts";
