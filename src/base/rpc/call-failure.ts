// How a call failed, in words for people. grpc-js describes its own state ("No connection
// established. Last error: … Resolution note: "), and OpenSSL its source files.
import { Code, NoConnectionError, RpcError } from "./rpc-error.ts";

/** What the way to the server was. */
export interface Way {
  /** SOCKS5 proxy, `host:port`. */
  readonly proxy: string | undefined;
}

/** The error for a status, whoever set it: the server, the connection or the library. */
export function callFailure(code: Code, details: string, { proxy }: Way): RpcError {
  const reason = noConnection(code, details);
  if (reason === undefined) return new RpcError(code, deadlineText(code, details));
  const through = proxy === undefined ? "" : ` through proxy ${proxy}`;
  return new NoConnectionError(`no connection${through}: ${reason}`);
}

/** Why there is no connection; nothing where there was one. */
function noConnection(code: Code, details: string): string | undefined {
  if (code !== Code.unavailable) return undefined;
  const [, last, note = ""] =
    /^No connection established\. Last error: (.*)\. Resolution note: (.*)$/s.exec(details) ?? [];
  if (last !== undefined) return [plainReason(last), note].filter((text) => text !== "").join("; ");
  const [, name] = /^Name resolution failed for target (?:dns:)?(.*):\d+$/.exec(details) ?? [];
  return name === undefined ? undefined : `the name ${name} is not known here`;
}

/** What means little to people, and what it comes from. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/WRONG_VERSION_NUMBER/, "what answers does not speak TLS, is it another service's port?"],
  [/disconnected before secure TLS connection/, "the server closed the connection"],
  [/^read ECONNRESET$/, "the server closed the connection"],
  [/^Failed to connect$/, "the server closed the connection"],
  [/^Socks5 .* - ConnectionRefused$/, "nothing listens there"],
  [/^Socks5 .* - (Host|Network)Unreachable$/, "the proxy cannot reach it"],
  [/^Socks5 .* - NotAllowed$/, "the proxy does not allow it"],
  [/^Socks5 .* - \w+$/, "the proxy could not connect to it"],
  [/^Socket closed$/, "the proxy closed the connection"],
  [/^Received invalid Socks5/, "what answers there is no SOCKS5 proxy"],
  [/^Proxy connection timed out$/, "the proxy does not answer"],
  [/^Protocol error$/, "what answers does not speak gRPC, is it another service's port?"],
];

function plainReason(last: string): string {
  // The name of the error's class in front, the library's time behind.
  const text = last
    .replace(/^\w*Error(?: \[\w+\])?: /, "")
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, "");
  return meanings.find(([pattern]) => pattern.test(text))?.[1] ?? text;
}

/** `no answer within 0.5 s`, in place of the library's account of where the time went. */
function deadlineText(code: Code, details: string): string {
  if (code !== Code.deadlineExceeded) return details;
  const [, seconds, rest = ""] = /^Deadline exceeded after ([\d.]+)s(.*)$/.exec(details) ?? [];
  if (seconds === undefined) return details;
  const isConnected = !/Waiting for LB pick|waiting for name resolution/.test(rest);
  return `no ${isConnected ? "answer" : "connection"} within ${Number(seconds)} s`;
}
