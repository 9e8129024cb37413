// Accepts the connections of a server, does TLS, and hands over to gRPC
// what spoke properly. Each connection is known here with the certificate
// it proved; from then on members and strangers go different ways (see limits).
import { constants } from "node:crypto";
import * as net from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { originOf, plainAddress } from "./address.ts";
import { BoundedSet } from "./bounded-set.ts";
import { KnownOrigins } from "./known-origins.ts";
import type { Rate, ServeLimits } from "./limits.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { StrangerBudgets } from "./stranger-budgets.ts";
import { ThrottledSocket } from "./throttled-socket.ts";

/** The server's key and certificate, PEM. */
export interface ServerTls {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** Where a server listens. */
export type Listen = { readonly host: string; readonly port: number } | { readonly unix: string };

/** One accepted connection. */
export interface Connection {
  readonly peerCertificates: readonly Uint8Array[];
  readonly remoteAddress: string;
  /** Belongs to somebody we know. */
  readonly isMember: boolean;
  /** Belongs to a member that is a node, and has little to say. */
  readonly isNode: boolean;
  /** For counting: the certificate of a member, the address of a stranger; else empty. */
  readonly origin: string;
  /** A member has proved itself from this address. */
  readonly isKnownOrigin: boolean;
  /** Ends it at once. */
  readonly close: () => void;
}

/** What an acceptor needs. */
export interface AcceptorOptions {
  /** Absent: plain, for unix sockets and tests. */
  readonly tls?: ServerTls | undefined;
  readonly limits: ServeLimits;
  /** Tells members from strangers by what they proved. Absent: all are known, and not counted. */
  readonly isMember?: ((certificates: readonly Uint8Array[]) => boolean) | undefined;
  /** Tells nodes from users among members. Absent: none is a node. */
  readonly isNode?: ((certificates: readonly Uint8Array[]) => boolean) | undefined;
  /** Where members were seen; absent: what this acceptor sees itself. */
  readonly knownOrigins?: KnownOrigins | undefined;
  /** Gets each connection that passed. */
  readonly admit: (stream: Duplex, isMember: boolean) => void;
}

/** Addresses of both ends, as node:net and gRPC tell them. */
export interface SocketAddresses {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

const nobody: Connection = {
  ...{ peerCertificates: [], remoteAddress: "", isMember: false, origin: "" },
  ...{ isNode: false, isKnownOrigin: false },
  close: () => {},
};

/** Accepts the connections of one server. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #knownOrigins: KnownOrigins;
  readonly #sockets = new Set<net.Socket>();
  readonly #connections = new Map<string, Connection>();
  readonly #strangers: BoundedSet<net.Socket>;
  readonly #budgets: StrangerBudgets;
  readonly #members: BoundedSet<net.Socket>;
  readonly #handshakes: { readonly known: Handshakes; readonly unknown: Handshakes };
  readonly #server: net.Server | tls.Server;

  constructor(options: AcceptorOptions) {
    const { limits } = options;
    this.#options = options;
    this.#knownOrigins = options.knownOrigins ?? new KnownOrigins();
    this.#strangers = boundedSockets(limits.strangers, limits.strangersPerAddress);
    this.#budgets = new StrangerBudgets(limits);
    this.#members = boundedSockets(limits.connections, limits.connectionsPerMember);
    this.#handshakes = {
      known: handshakesOf(limits, limits.knownHandshakes, limits.knownConnectionRate),
      unknown: {
        ...handshakesOf(limits, limits.handshakes, limits.connectionRate),
        all: new RateLimiter(limits.totalConnectionRate),
      },
    };
    this.#server = options.tls === undefined ? this.#plain() : this.#secured(options.tls);
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
        this.#endHandshake(socket);
        if (socket.alpnProtocol !== "h2") socket.destroy();
        else this.#enter(socket, certificates(socket));
      },
    );
    server.on("connection", (socket) => this.#beginHandshake(socket));
    server.on("tlsClientError", (_, socket) => socket.destroy());
    return server;
  }

  /** Before its first byte: the handshake costs more than anything that a stranger may do later. */
  #beginHandshake(socket: net.Socket): void {
    const origin = originOf(socket.remoteAddress ?? "");
    const { known, unknown } = this.#handshakes;
    const { limiter, ongoing, all } = this.#knownOrigins.has(origin) ? known : unknown;
    if (!limiter.take(origin) || all?.take("") === false) {
      socket.destroy();
      return;
    }
    ongoing.add(socket, origin);
    socket.once("close", () => this.#endHandshake(socket));
  }

  #endHandshake(socket: net.Socket): void {
    for (const { ongoing } of Object.values(this.#handshakes)) ongoing.delete(socket);
  }

  #enter(socket: net.Socket, peerCertificates: readonly Uint8Array[]): void {
    const key = socketKey(socket);
    const connection = this.#identify(socket, peerCertificates);
    const { isMember, origin } = connection;
    const group = isMember ? this.#members : this.#strangers;
    this.#connections.set(key, connection);
    this.#sockets.add(socket);
    // Who is not counted has no origin.
    if (origin !== "") group.add(socket, origin);
    const timer = isMember ? undefined : this.#expire(socket);
    socket.once("close", () => {
      clearTimeout(timer);
      group.delete(socket);
      this.#sockets.delete(socket);
      this.#connections.delete(key);
    });
    const budgets = () => this.#budgets.of(origin);
    this.#options.admit(isMember ? socket : new ThrottledSocket(socket, budgets()), isMember);
  }

  #expire(socket: net.Socket) {
    const timer = setTimeout(() => socket.destroy(), this.#options.limits.strangerAgeMs);
    timer.unref();
    return timer;
  }

  #identify(socket: net.Socket, peerCertificates: readonly Uint8Array[]): Connection {
    const remoteAddress = plainAddress(socket.remoteAddress ?? "");
    const { isMember, isNode } = this.#options;
    const from = originOf(remoteAddress);
    const isKnownOrigin = this.#knownOrigins.has(from);
    const close = () => socket.destroy();
    const common = { peerCertificates, remoteAddress, isNode: false, isKnownOrigin, close };
    if (isMember === undefined) return { ...common, isMember: true, origin: "" };
    const [leaf] = peerCertificates;
    if (leaf === undefined || !isMember(peerCertificates)) {
      return { ...common, isMember: false, origin: from };
    }
    this.#knownOrigins.note(from);
    const origin = Bun.SHA256.hash(leaf, "hex");
    return { ...common, isMember: true, isNode: isNode?.(peerCertificates) === true, origin };
  }

  /** Ends the connections of members that are none any more. */
  recheck(): void {
    const { isMember } = this.#options;
    for (const socket of isMember === undefined ? [] : [...this.#members]) {
      const { peerCertificates } = this.connection(socket);
      if (isMember !== undefined && !isMember(peerCertificates)) socket.destroy();
    }
  }

  /** The connection between two addresses. */
  connection(ends: SocketAddresses): Connection {
    return this.#connections.get(socketKey(ends)) ?? this.#unknown();
  }

  /** Unix sockets have no addresses to tell them apart, and need none: all are ours. */
  #unknown(): Connection {
    return typeof this.#server.address() === "string" ? { ...nobody, isMember: true } : nobody;
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

/** Connections whose handshake goes on, and how many more may begin. */
interface Handshakes {
  readonly limiter: RateLimiter;
  readonly ongoing: BoundedSet<net.Socket>;
  /** For all addresses together. */
  readonly all?: RateLimiter;
}

function handshakesOf({ handshakesPerAddress }: ServeLimits, most: number, rate: Rate): Handshakes {
  return { limiter: new RateLimiter(rate), ongoing: boundedSockets(most, handshakesPerAddress) };
}

function boundedSockets(most: number, mostOfOne: number): BoundedSet<net.Socket> {
  return new BoundedSet({ most, mostOfOne, evict: (socket) => socket.destroy() });
}

function contextOptions({ keyPem, certificatePem }: ServerTls): tls.SecureContextOptions {
  // The version belongs here: a later setSecureContext would forget it otherwise. No tickets: who
  // takes a session up again by one proves no key.
  return {
    ...{ key: keyPem, cert: certificatePem, minVersion: "TLSv1.3" },
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
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

function socketKey(ends: SocketAddresses): string {
  return `${ends.localAddress} ${ends.localPort} ${ends.remoteAddress} ${ends.remotePort}`;
}
