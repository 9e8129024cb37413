// Where something listens, in one text.

/** `host:port` for a host name or an IP address; IPv6 goes into brackets (RFC 3986). */
export function joinHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
