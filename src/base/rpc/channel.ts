// A connection to one server, dialled when first needed and again whenever it
// is lost. Calls fail at once, as unavailable, while there is none.
import * as grpc from "@grpc/grpc-js";
import { slowness } from "../linux/machine.ts";
import { client } from "./client.ts";
import type { Line } from "./client-call.ts";
import { ChannelCredentials, type ClientTls, type ProxiedTarget } from "./credentials.ts";
import type { AnyService, Client } from "./method.ts";
import { Code, RpcError } from "./rpc-error.ts";

/** Where to connect to, and how. */
export interface ConnectOptions {
  /** `host:port`, `[v6]:port` or `unix:/path`. */
  readonly target: string;
  readonly credentials: ClientTls | "plain";
  /** `host:port` of a SOCKS5 proxy, which also resolves the target's name. */
  readonly proxy?: string | undefined;
  /** Longest response accepted. */
  readonly maxResponseBytes?: number | undefined;
  /** How long each handshake of a new connection may take. */
  readonly handshakeMs?: number | undefined;
  /** How long a server that a call waits for may be silent; default is what nodes want, 2 s. */
  readonly silenceMs?: number | undefined;
}

const HANDSHAKE_MS = 10_000;
const KEEPALIVE_MS = { every: 3_000, silence: 2_000 } as const;
const MAX_RESPONSE_BYTES = 16 << 20;

/** What calls go through. `using` closes it. */
export interface Channel extends Disposable {
  /** The methods of a service on the other side. */
  client<S extends AnyService>(desc: S): Client<S>;
  /** Ends every call and the connection. */
  close(): void;
}

/** Prepares a channel; the first call dials. */
export function connect(options: ConnectOptions): Channel {
  const { target, proxy, credentials } = options;
  const facts = {
    through: proxy === undefined ? undefined : hostAndPort(target),
    isReady: () => channel.getConnectivityState(false) === grpc.connectivityState.READY,
    handshakeMs: options.handshakeMs ?? HANDSHAKE_MS,
  };
  const channel: grpc.ChannelInterface = new grpc.Channel(
    proxy ?? target,
    new ChannelCredentials(credentials, facts),
    channelOptions(options),
  );
  const line: Line = { channel, proxy, calls: new Set() };
  const close = () => {
    for (const call of line.calls) call.cancel();
    channel.close();
  };
  return { client: (desc) => client(line, desc), close, [Symbol.dispose]: close };
}

function channelOptions(options: ConnectOptions): grpc.ChannelOptions {
  const { target, proxy, maxResponseBytes, silenceMs } = options;
  return {
    "grpc.max_receive_message_length": maxResponseBytes ?? MAX_RESPONSE_BYTES,
    // A server that vanished without a word is noticed, but only while a call
    // waits for it: nodes have streams to the leader, and need the next one soon.
    "grpc.keepalive_time_ms": KEEPALIVE_MS.every * slowness(),
    "grpc.keepalive_timeout_ms": silenceMs ?? KEEPALIVE_MS.silence * slowness(),
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5_000,
    // Two channels with different credentials must never share a connection.
    "grpc.use_local_subchannel_pool": 1,
    // Proxies come from our own arguments, never from the environment.
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    ...(proxy === undefined ? {} : { "grpc.default_authority": target }),
  };
}

function hostAndPort(target: string): ProxiedTarget {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(target);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    throw new RpcError(Code.invalidArgument, `target ${target} is not of the form host:port`);
  }
  return { host, port: Number(match?.[3]) };
}
