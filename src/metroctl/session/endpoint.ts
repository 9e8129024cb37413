// Places in a network as people write them: a host name or an address, with or without a port.
import { isIPv4, isIPv6 } from "node:net";
import { joinHostPort } from "../../base/format/host-port.ts";
import { UsageError, UserError } from "../output/user-error.ts";

/** A place, taken apart. */
interface Endpoint {
  /** Without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

const MAX_PORT = 65_535;
const MAX_NAME = 253;

function parse(text: string): Endpoint | undefined {
  // An address of IPv6 has colons of its own: a port stands behind brackets only.
  if (isIPv6(text)) return { host: text, port: undefined };
  const [, bracketed, plain, digits] = /^(?:\[(.*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > MAX_PORT)) return undefined;
  const isHost = bracketed === undefined ? isIPv4(host) || isName(host) : isIPv6(host);
  return isHost ? { host, port } : undefined;
}

/** A DNS name; what ends in a number would be an address, and a wrong one. */
function isName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  const isLabel = (label: string) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label);
  return text.length <= MAX_NAME && labels.every(isLabel) && !/^\d+$/.test(labels.at(-1) ?? "");
}

/**
 * `host:port` for a place.
 *
 * Throws a {@link UserError} for what is none, such as `10.1.0.2:`.
 */
export function hostAndPort(endpoint: string, usualPort: number): string {
  const parsed = parse(endpoint);
  if (parsed === undefined) throw new UserError(fault(endpoint));
  return joinHostPort(parsed.host, parsed.port ?? usualPort);
}

/** The host of a place, without the port; as it is where it is no place. */
export function hostOf(endpoint: string): string {
  return parse(endpoint)?.host ?? endpoint;
}

/** Throws a {@link UsageError} that begins with `where` unless the text is a place. */
export function requireEndpoint(where: string, text: string): void {
  if (parse(text) === undefined) throw new UsageError(`${where}: ${fault(text)}`);
}

/**
 * The proxy that a flag names, if it names one.
 *
 * Throws a {@link UsageError} where it is no `host:port`: no port is usual for proxies.
 */
export function proxyOf({ proxy }: { readonly proxy?: string | undefined }): string | undefined {
  if (proxy === undefined || proxy === "" || isProxy(proxy)) return proxy;
  throw new UsageError(
    `--proxy=${proxy}: give host and port of a SOCKS5 proxy, as in 127.0.0.1:1080`,
  );
}

/** Whether a text is `host:port`. */
export function isProxy(text: string): boolean {
  return parse(text)?.port !== undefined;
}

/** Whether a text is a host name or an address, with or without a port. */
export function isEndpoint(text: string): boolean {
  return parse(text) !== undefined;
}

function fault(text: string): string {
  return `"${text}" is no host name or address, nor either with a port behind it, as in 10.1.0.2:7835`;
}
