// The socket that only the node itself can open: what is asked here is asked by
// the node, whose key proves nothing before there is a cluster.
import { chmod, rm } from "node:fs/promises";
import type { Value } from "../base/event/event.ts";
import { within } from "../base/event/event.ts";
import { Code, RpcError, serve, service } from "../base/rpc/rpc.ts";
import type { Runnable } from "../base/supervisor/supervisor.ts";
import { CuratorBootstrap } from "../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import { readCredentials } from "./credentials.ts";
import { logFailure } from "./listener.ts";
import { bootstrap } from "./local/bootstrap.ts";
import type { CredentialFiles } from "./settings.ts";
import type { Leader } from "./state/leader.ts";

/** What the local services work with. */
export interface LocalServerParts {
  readonly self: string;
  /** Where the socket lies. */
  readonly socket: string;
  readonly credentials: CredentialFiles;
  readonly leading: Value<Leader | undefined>;
  /** Set to open the port. */
  readonly opened: Value<boolean>;
  /** Set when it is open. */
  readonly port: Value<number | undefined>;
}

/** Serves the node on the socket. */
export function localServer(parts: LocalServerParts): Runnable {
  return async (context) => {
    const { signal, healthy } = context;
    const peer = { kind: "node", id: parts.self, publicKey: new Uint8Array() } as const;
    // A socket that an earlier life left behind cannot be listened at.
    await rm(parts.socket, { force: true });
    await using _ = await serve({
      services: [localService(parts)],
      authorize: (call) => {
        call.peer = peer;
      },
      listen: { unix: parts.socket },
      onError: logFailure(context),
    });
    await chmod(parts.socket, 0o600);
    healthy();
    await within(Promise.withResolvers<never>().promise, signal);
  };
}

function localService({ leading, credentials, opened, port }: LocalServerParts) {
  const leader = async (signal: AbortSignal) => {
    const present = await leading.first(signal, (each) => each !== undefined);
    if (present === undefined) throw new RpcError(Code.unavailable, "this member does not lead");
    return present;
  };
  return service(CuratorBootstrap, {
    bootstrap: bootstrap(leader),
    open: async (_, { signal }) => {
      await readCredentials(credentials).catch((cause) => {
        throw new RpcError(Code.failedPrecondition, "credentials cannot be read", { cause });
      });
      opened.set(true);
      await port.first(signal, (each) => each !== undefined);
      return {};
    },
  });
}
