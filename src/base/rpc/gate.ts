// The door of a server: it accepts connections, does TLS, and hands over to
// gRPC what spoke properly. Each connection is known here with the certificate
// it proved, and of strangers, who proved none of the cluster, there are only
// so many: the oldest gives way to the newest, so they cannot fill the house.
import * as net from "node:net";
import * as tls from "node:tls";

/** The server's key and certificate, PEM. */
export interface ServerTls {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** Where a server listens. */
export type Listen = { readonly host: string; readonly port: number } | { readonly unix: string };

/** How much the gate lets in. */
export interface GateLimits {
  /** All connections together. */
  readonly connections: number;
  /** Connections of strangers. */
  readonly strangers: number;
  /** For the TLS handshake. */
  readonly handshakeMs: number;
}

/** One accepted connection. */
export interface Connection {
  readonly peerCertificates: readonly Uint8Array[];
  readonly remoteAddress: string;
  /** Belongs to somebody we know. */
  readonly isMember: boolean;
}

/** What a gate is made of. */
export interface GateOptions {
  /** Absent: plain. */
  readonly tls?: ServerTls | undefined;
  readonly limits: GateLimits;
  /** Tells members from strangers by what they proved. */
  readonly isMember: (certificates: readonly Uint8Array[]) => boolean;
  /** Gets each connection that passed. */
  readonly admit: (socket: net.Socket) => void;
}

/** Addresses of both ends, as node:net and gRPC tell them. */
export interface Endpoints {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

const stranger: Connection = { peerCertificates: [], remoteAddress: "", isMember: false };

/** An open gate. */
export class Gate {
  readonly #options: GateOptions;
  readonly #sockets = new Set<net.Socket>();
  /** Oldest first. */
  readonly #strangers = new Set<net.Socket>();
  readonly #known = new Map<string, Connection>();
  readonly #server: net.Server | tls.Server;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? this.#plain() : this.#secured(options.tls);
    this.#server.maxConnections = options.limits.connections;
  }

  #plain(): net.Server {
    return net.createServer((socket) => {
      socket.on("error", () => {});
      this.#enter(socket, []);
    });
  }

  #secured(security: ServerTls): tls.Server {
    const server = tls.createServer(
      {
        ...contextOptions(security),
        // Everyone is asked for a certificate and nobody refused here: the
        // rules for nodes and users are ours. There is no `ca`, or clients
        // would withhold certificates of other issuers.
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ["h2"],
        handshakeTimeout: this.#options.limits.handshakeMs,
      },
      (socket) => {
        socket.on("error", () => {});
        if (socket.alpnProtocol !== "h2") socket.end();
        else this.#enter(socket, certificates(socket));
      },
    );
    server.on("tlsClientError", (_, socket) => socket.destroy());
    return server;
  }

  #enter(socket: net.Socket, peerCertificates: readonly Uint8Array[]): void {
    const key = endpointKey(socket);
    const isMember = this.#options.isMember(peerCertificates);
    const remoteAddress = plainAddress(socket.remoteAddress ?? "");
    this.#sockets.add(socket);
    this.#known.set(key, { peerCertificates, remoteAddress, isMember });
    if (!isMember) this.#strangers.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#strangers.delete(socket);
      this.#known.delete(key);
    });
    this.#makeRoom();
    this.#options.admit(socket);
  }

  #makeRoom(): void {
    if (this.#strangers.size <= this.#options.limits.strangers) return;
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    this.#strangers.delete(oldest);
    oldest.destroy();
  }

  /** The connection between two endpoints. */
  connection(endpoints: Endpoints): Connection {
    return this.#known.get(endpointKey(endpoints)) ?? this.#unknown();
  }

  /** Unix sockets have no addresses to tell them apart, and need none: all are ours. */
  #unknown(): Connection {
    return typeof this.#server.address() === "string" ? { ...stranger, isMember: true } : stranger;
  }

  /** Uses another key and certificate from the next connection on. */
  reload(security: ServerTls): void {
    if (this.#server instanceof tls.Server) {
      this.#server.setSecureContext(contextOptions(security));
    }
  }

  /** Opens; resolves with the port, 0 for unix sockets. */
  async listen(where: Listen): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    if ("unix" in where) this.#server.listen(where.unix, resolve);
    else this.#server.listen(where.port, where.host, resolve);
    await promise;
    this.#server.removeListener("error", reject);
    this.#server.on("error", () => {});
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /** Lets nobody in any more. */
  shut(): void {
    this.#server.close();
  }

  /** Ends every connection. */
  clear(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function contextOptions({ keyPem, certificatePem }: ServerTls): tls.SecureContextOptions {
  // The version belongs here: a later setSecureContext would forget it otherwise.
  return { key: keyPem, cert: certificatePem, minVersion: "TLSv1.3" };
}

/** What the client presented, leaf first. */
function certificates(socket: tls.TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let current: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (current?.raw !== undefined && chain.length < 4) {
    chain.push(new Uint8Array(current.raw));
    const issuer: tls.DetailedPeerCertificate | undefined = current.issuerCertificate;
    if (issuer?.raw?.equals(current.raw)) break;
    current = issuer;
  }
  return chain;
}

/** What listens for both families sees IPv4 as a part of IPv6; people know it by its own form. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/, "");
}

function endpointKey(ends: Endpoints): string {
  return `${ends.localAddress} ${ends.localPort} ${ends.remoteAddress} ${ends.remotePort}`;
}
