// How a client proves itself and judges the server: TLS 1.3 with our own
// verification instead of the library's, or nothing on private unix sockets.
// The connection may lead through a SOCKS5 proxy; the channel then dials the
// proxy, and the connector here asks it for the real target.
import type { Socket } from "node:net";
import * as tls from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { SocksClient } from "socks";

/** Client side TLS. */
export interface ClientTls {
  /** Key and certificate to prove, both or neither. */
  readonly keyPem?: string | undefined;
  readonly certificatePem?: string | undefined;
  /**
   * Judges the server's only certificate, DER; throws to refuse it. The
   * library checks nothing but the possession of the key.
   */
  readonly verify: (certificate: Uint8Array) => void | Promise<void>;
  /** Name to ask for in the handshake; absent: none. */
  readonly serverName?: string | undefined;
}

/** Where a SOCKS5 proxy has to connect to. */
export interface ProxiedTarget {
  readonly host: string;
  readonly port: number;
}

type SecureConnector = ReturnType<grpc.ChannelCredentials["_createSecureConnector"]>;

/** What a channel's credentials have to know about it. */
export interface ChannelFacts {
  /** The target, when a proxy is dialled in its stead. */
  readonly through: ProxiedTarget | undefined;
  /** Whether a connection is in use. */
  readonly isReady: () => boolean;
  /** How long each handshake may take: the proxy's, TLS, HTTP/2. */
  readonly handshakeMs: number;
}

/** Credentials of one channel. */
export class ChannelCredentials extends grpc.ChannelCredentials {
  readonly #tls: ClientTls | "plain";
  readonly #through: ProxiedTarget | undefined;
  readonly #isReady: () => boolean;
  readonly #handshakeMs: number;

  constructor(credentials: ClientTls | "plain", { through, isReady, handshakeMs }: ChannelFacts) {
    super();
    this.#tls = credentials;
    this.#through = through;
    this.#isReady = isReady;
    this.#handshakeMs = handshakeMs;
  }

  override _isSecure(): boolean {
    return this.#tls !== "plain";
  }

  override _equals(other: grpc.ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): SecureConnector {
    return {
      connect: (socket) => this.#connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => grpc.CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  async #connect(dialled: Socket): Promise<{ socket: Socket; secure: boolean }> {
    const raw =
      this.#through === undefined
        ? dialled
        : await askProxy(dialled, this.#through, this.#handshakeMs);
    const secure = this.#tls !== "plain";
    const socket = this.#tls === "plain" ? raw : await handshake(raw, this.#tls, this.#handshakeMs);
    this.#dropIfSilent(socket);
    return { socket, secure };
  }

  /**
   * Ends a connection on which the server never says a word. The library would
   * wait for that word without a limit, and dial no other connection.
   */
  #dropIfSilent(socket: Socket): void {
    const timer = setTimeout(() => {
      if (!this.#isReady()) socket.destroy();
    }, this.#handshakeMs);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  }
}

async function askProxy(socket: Socket, target: ProxiedTarget, timeout: number): Promise<Socket> {
  const { socket: through } = await SocksClient.createConnection({
    // The address is only there to satisfy the library: the socket is connected already.
    proxy: { host: "127.0.0.1", port: 1, type: 5 },
    existing_socket: socket,
    command: "connect",
    destination: target,
    timeout,
  });
  return through;
}

async function handshake(
  socket: Socket,
  credentials: ClientTls,
  timeout: number,
): Promise<tls.TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const secured = tls.connect(
    {
      socket,
      key: credentials.keyPem,
      cert: credentials.certificatePem,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      // Absent by default: Bun refuses IP addresses here, and our servers need no name.
      ...(credentials.serverName === undefined ? {} : { servername: credentials.serverName }),
    },
    resolve,
  );
  const timer = setTimeout(() => reject(new TlsError("handshake timed out")), timeout);
  secured.once("error", reject);
  secured.once("close", () => reject(new TlsError("server closed the connection")));
  try {
    await promise;
    await credentials.verify(onlyCertificate(secured));
    return secured;
  } catch (error) {
    secured.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    secured.removeAllListeners("close");
  }
}

/** The server's certificate; a chain of several is against our protocol. */
function onlyCertificate(socket: tls.TLSSocket): Uint8Array {
  const { raw, issuerCertificate } = socket.getPeerCertificate(true);
  if (raw === undefined) throw new TlsError("server presented no certificate");
  if (issuerCertificate !== undefined && !issuerCertificate.raw.equals(raw)) {
    throw new TlsError("server presented several certificates, want exactly one");
  }
  return new Uint8Array(raw);
}

/** A TLS connection that we did not accept. */
export class TlsError extends Error {
  override readonly name = "TlsError";
}
