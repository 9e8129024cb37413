// The one error of this room: a call failed, with a gRPC status code.

/** The status codes of gRPC, by the names we use. */
export const Code = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** One of the status codes. */
export type Code = (typeof Code)[keyof typeof Code];

const names = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

/** The name of a status code, such as `notFound`. */
export function codeName(code: Code): string {
  return names.get(code) ?? "unknown";
}

/** A status code from the wire; numbers that gRPC does not define become unknown. */
export function toCode(code: number): Code {
  return isCode(code) ? code : Code.unknown;
}

function isCode(code: number): code is Code {
  return names.has(code);
}

/**
 * A call that failed. Handlers throw it to choose what the caller sees;
 * clients throw it with what the server, or the connection, answered.
 */
export class RpcError extends Error {
  override readonly name: string = "RpcError";

  constructor(
    readonly code: Code,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** No server was reached, so that none has seen the call. */
export class NoConnectionError extends RpcError {
  override readonly name = "NoConnectionError";

  constructor(message: string) {
    super(Code.unavailable, message);
  }
}
